"""Features from which nothing can be learnt, found on the train rows alone and left out before the trees are built."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.train.windows import Windows

CHUNK = 65_536
"""Rows that are looked at at once."""


@dataclass(frozen=True)
class Useless:
    """Names of features that are never known, never move, or repeat another one (its name is the value)."""

    missing: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    duplicates: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset((*self.missing, *self.constant, *self.duplicates))

    def reasons(self) -> dict[str, str]:
        """Each feature, and why nothing can be learnt from it."""
        found = dict.fromkeys(self.missing, "never known") | dict.fromkeys(self.constant, "constant")
        return found | {name: f"repeats {other}" for name, other in self.duplicates.items()}

    def to_dict(self) -> dict[str, object]:
        """As model.json holds it."""
        return {"missing": list(self.missing), "constant": list(self.constant), "duplicates": self.duplicates}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Useless:
        return cls(tuple(said["missing"]), tuple(said["constant"]), dict(said["duplicates"]))


def find_useless(train: Windows) -> Useless:
    """What the rows of `train` cannot teach: in one pass, in memory that does not grow with them.

    A feature that is constant where it is known but sometimes missing stays: that it is missing may tell something.
    """
    width = len(train.names)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    known = np.zeros(width, dtype=np.int64)
    prints = [hashlib.blake2b(digest_size=16) for _ in range(width)]
    for first in range(0, len(train), CHUNK):
        columns = np.ascontiguousarray(train.features[train.end[first : first + CHUNK]].T)
        there = np.isfinite(columns)
        known += there.sum(axis=1)
        low = np.minimum(low, np.where(there, columns, np.inf).min(axis=1))
        high = np.maximum(high, np.where(there, columns, -np.inf).max(axis=1))
        for column, seen in zip(columns, prints, strict=True):
            seen.update(column)
    return _named(train.names, known, len(train), low == high, [seen.digest() for seen in prints])


def _named(
    names: tuple[str, ...], known: NDArray[np.int64], rows: int, still: NDArray[np.bool_], prints: list[bytes]
) -> Useless:
    missing = tuple(name for name, count in zip(names, known, strict=True) if count == 0)
    constant = tuple(n for n, count, flat in zip(names, known, still, strict=True) if flat and count == rows)
    first: dict[bytes, str] = {}
    duplicates = {}
    for name, seen in zip(names, prints, strict=True):
        if name not in missing and name not in constant and first.setdefault(seen, name) != name:
            duplicates[name] = first[seen]
    return Useless(missing, constant, duplicates)
