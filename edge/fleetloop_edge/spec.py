"""The small frozen values that say what a device computes; they travel in the bundle's manifest.

Plain dataclasses (no pydantic on the device). ``pipelines.params`` validates YAML straight into them, so a
key has one definition. ``to_dict``/``from_dict`` are exact inverses over JSON types.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from fleetloop_edge.feature_spec import (
    Derived,
    FeatureSpec,
    Normalise,
    Norms,
    PerRow,
    Regimes,
    Sequence,
    Spectral,
    Spike,
    Statistic,
    Trailing,
)

__all__ = [
    "Channel",
    "DecisionSpec",
    "Derived",
    "FeatureSpec",
    "Normalise",
    "Norms",
    "PerRow",
    "Regimes",
    "Sequence",
    "Spectral",
    "Spike",
    "Statistic",
    "Trailing",
    "canonical_json",
    "from_dict",
    "spec_hash",
    "to_dict",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Channel:
    """One signal: canonical unit and the range outside which a value is no measurement."""

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    name: str
    unit: str
    min: float
    max: float


@dataclass(frozen=True)
class DecisionSpec:
    """When a score becomes an action."""

    action: str  # what to do, e.g. "inspect"
    direction: Literal["above", "below"]
    threshold: float  # in score units; learnt on the calibration side
    consecutive: int  # rows in a row beyond the threshold
    phrase: str  # e.g. "failure within 48 h"
    unit: str  # of the score, "" for a probability
    max_missing: float  # share of channels missing in the last row above which the fallback answers; 1: never
    abstain_missing: float  # share above which nobody answers


def to_dict(value: Any) -> Any:
    """A spec as JSON types; tuples become lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_dict(v) for v in value]
    if isinstance(value, dict):
        return {k: to_dict(v) for k, v in value.items()}
    return value


def from_dict(kind: type[T], data: Any) -> T:
    """The spec of type `kind` that `to_dict` wrote. Raises TypeError or ValueError naming the unknown key."""
    return typing.cast(T, _build(kind, data, kind.__name__))


def _build(kind: Any, data: Any, path: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        known = {f.name for f in dataclasses.fields(kind)}
        unknown = set(data) - known
        if unknown:
            raise ValueError(f"{path}.{sorted(unknown)[0]} is not a known key; expected {', '.join(sorted(known))}")
        return kind(**{k: _build(hints[k], v, f"{path}.{k}") for k, v in data.items()})  # type: ignore[operator]
    if origin in (types.UnionType, typing.Union):
        return None if data is None else _build(next(a for a in args if a is not type(None)), data, path)
    if origin is tuple:
        return tuple(_build(args[0], v, path) for v in data)
    if origin is dict:
        return {k: _build(args[1], v, f"{path}.{k}") for k, v in data.items()}
    return data


def canonical_json(value: Any) -> bytes:
    """The one byte form of a value: sorted keys, no spaces, UTF-8; NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def spec_hash(spec: Any) -> str:
    """sha256 of a spec's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(to_dict(spec))).hexdigest()
