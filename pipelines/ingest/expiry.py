"""What is too old to be kept: cutoffs that stand beside the raw files, and what they take out of what was decoded.

The cutoffs are written by `fleetloop retention` (see `retention`), never by a clock that ingest reads: the same raw
files and the same cutoffs give the same bytes, and what has gone does not come back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingest.batch import Batch, Parts, Rows, Words
from pipelines.ingest.part_rows import File

LEDGER = ".retention.json"
"""Among the raw files, so that DVC tracks it with them; its name begins with a point: it is no raw file itself."""

APPLIED = "state/retention.json"
"""In the tables: the cutoffs that they were made with."""

_NEVER = -(2**62)


@dataclass(frozen=True)
class Cutoffs:
    """Microseconds since 1970. Rows measured before `rows` go; entries of the quarantine go with raw files whose newest
    row was measured before `quarantine`. None: nothing is too old."""

    rows: int | None = None
    quarantine: int | None = None

    def to_dict(self) -> dict[str, str]:
        """As ISO times; what is None is left out."""
        return {name: _iso(micros) for name, micros in vars(self).items() if micros is not None}

    @staticmethod
    def from_dict(said: dict[str, str]) -> Cutoffs:
        """The inverse of `to_dict`."""
        return Cutoffs(**{name: _micros(said[name]) for name in ("rows", "quarantine") if name in said})


def read_cutoffs(path: Path) -> Cutoffs:
    """The cutoffs of a ledger; none where there is no file. Raises DataError where it cannot be read."""
    if not path.is_file():
        return Cutoffs()
    try:
        return Cutoffs.from_dict(json.loads(path.read_text())["before"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); bring it back by `dvc checkout`") from None


def without_expired(batch: Batch, cutoffs: Cutoffs) -> tuple[Batch, dict[str, int]]:
    """The batch less its rows that are too old, and how many records of each file have no row left by that."""
    if cutoffs.rows is None:
        return batch, {}
    keep = batch.rows.time >= cutoffs.rows
    if keep.all():
        return batch, {}
    place = np.cumsum(keep) - 1
    parts = None if batch.parts is None else _parts(batch.parts, keep, place)
    joined = [replace(other, parts=_parts(other.parts, keep, place)) for other in batch.joined]
    left = replace(batch, rows=_rows(batch.rows, keep), parts=parts, joined=joined)
    gone = {}
    for before, after in zip(batch.origins(), left.origins(), strict=True):
        gone[before.file] = len(np.unique(before.parts.record)) - len(np.unique(after.parts.record))
    return left, gone


def _parts(parts: Parts, keep: NDArray[np.bool_], place: NDArray[np.int64]) -> Parts:
    some = keep[parts.row]
    return Parts(place[parts.row[some]], parts.record[some])


def _rows(rows: Rows, keep: NDArray[np.bool_]) -> Rows:
    def some(words: Words) -> Words:
        return Words(words.words, words.codes[keep])

    values = {name: column[keep] for name, column in rows.values.items()}
    about = {name: some(words) for name, words in rows.about.items()}
    uploaded = None if rows.uploaded is None else rows.uploaded[keep]
    totals = {name: column[keep] for name, column in rows.totals.items()}
    return Rows(
        some(rows.device), rows.time[keep], rows.received[keep], rows.record[keep], values, about, uploaded, totals
    )


def judged_otherwise(files: pd.DataFrame, was: Cutoffs, now: Cutoffs) -> set[File]:
    """Leads of which other cutoffs keep something else. files: as in schema.FILES."""
    found: set[File] = set()
    if was == now:
        return found
    lines: list[Any] = list(files.itertuples())
    for line in lines:
        if pd.isna(line.newest):
            continue
        oldest, newest = line.oldest.value // 1000, line.newest.value // 1000
        low, high = _between(was.rows, now.rows)
        rows = low < high and oldest < high and newest >= low
        low, high = _between(was.quarantine, now.quarantine)
        if rows or low <= newest < high:
            found.add((line.source, line.lead))
    return found


def _between(was: int | None, now: int | None) -> tuple[int, int]:
    ends = [_NEVER if end is None else end for end in (was, now)]
    return min(ends), max(ends)


def _iso(micros: int) -> str:
    return pd.Timestamp(micros, unit="us", tz="UTC").isoformat()


def _micros(text: str) -> int:
    return int(pd.Timestamp(text).value // 1000)
