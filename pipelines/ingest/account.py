"""Where every record went: accepted, quarantined, a duplicate, or expired: too old to be kept, by the policy of
`retention`. Their sum is what came in, or ingest fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingest.batch import Joined, Quarantined
from pipelines.ingest.duplicates import CONFLICT, CONFLICT_RULE, KEPT, Status

COUNTS = ("records", "accepted", "quarantined", "duplicates", "cells_quarantined", "expired")


@dataclass(frozen=True)
class Fate:
    """What became of one file's records."""

    records: int
    accepted: int
    quarantined: int
    duplicates: int
    cells_quarantined: int


def fate(source: str, origin: Joined, record: NDArray[np.int64], status: Status) -> Fate:
    """Count one file. record, status: (n,) of each part of a row; a record is accepted if one row of it is kept.

    Raises DataError when the sum is not the number of records.
    """
    _, where = np.unique(record, return_inverse=True)
    kept = np.bincount(where, weights=status == KEPT) > 0
    conflict = (np.bincount(where, weights=status == CONFLICT) > 0) & ~kept
    whole = whole_records(origin.quarantined)
    counted = Fate(
        origin.records,
        accepted=int(kept.sum()),
        quarantined=whole + int(conflict.sum()),
        duplicates=int((~kept & ~conflict).sum()),
        cells_quarantined=cells(origin.quarantined),
    )
    check_sum(source, origin.file, counted)
    return counted


def check_sum(source: str, file: str, counted: Fate) -> None:
    """Raises DataError when a file's records are not those accounted for."""
    total = counted.accepted + counted.quarantined + counted.duplicates
    if total != counted.records:
        raise DataError(
            f"{file} (source {source!r}): {counted.records} records came in but {total} are accounted for; "
            f"this is a bug of ingest: please report it with the file"
        )


def whole_records(entries: Sequence[Quarantined]) -> int:
    """How many records were set aside whole, contradictions aside."""
    return len({entry.record for entry in entries if entry.channel is None and entry.rule != CONFLICT_RULE})


def cells(entries: Sequence[Quarantined]) -> int:
    """How many single cells were set aside."""
    return sum(entry.channel is not None for entry in entries)


def placed_fates(files: pd.DataFrame, parts: pd.DataFrame, spare: pd.DataFrame) -> pd.DataFrame:
    """The fates of files whose rows come of one record each. files: as in schema.FILES, index (source, file).

    parts: source, file, kept, dropped of every part; spare: source, file, record, siblings, status of every row that
    lost. A record is lost when all its rows are. Raises DataError where rows or records are not accounted for.
    """
    by_record = spare.assign(conflict=spare["status"] == CONFLICT).groupby(["source", "file", "record"])
    lost = by_record.agg(rows=("status", "size"), siblings=("siblings", "first"), conflict=("conflict", "max"))
    lost = lost[lost["rows"] == lost["siblings"]]
    gone = lost.groupby(["source", "file"])["conflict"].agg(["size", "sum"]).reindex(files.index, fill_value=0)
    rows = parts.groupby(["source", "file"])[["kept", "dropped"]].sum().reindex(files.index, fill_value=0)
    found = files.assign(
        accepted=files["placed"] - gone["size"],
        quarantined=files["whole"] + gone["sum"].astype("int64"),
        duplicates=gone["size"] - gone["sum"].astype("int64"),
    )
    strange = (rows.sum(axis=1) != files["rows"]) | (
        (files["rows"] == files["placed"]) & (rows["kept"] != found["accepted"])
    )
    if strange.any():
        source, file = found.index[strange][0]
        decoded, stored = int(files["rows"][strange].iloc[0]), int(rows.sum(axis=1)[strange].iloc[0])
        raise DataError(
            f"{file} (source {source!r}): {decoded} rows were decoded but {stored} are stored; "
            f"delete the dataset's ingest folder and ingest again; "
            f"if it stays, this is a bug of ingest: please report it with the file"
        )
    return found


def accounting(files: pd.DataFrame) -> dict[str, Any]:
    """Totals, and the same by source. files: as in schema.FILES."""
    by_source = files.groupby("source", sort=True)[list(COUNTS)].sum()
    totals = {name: int(files[name].sum()) for name in COUNTS}
    return totals | {"by_source": {str(k): {n: int(v[n]) for n in COUNTS} for k, v in by_source.iterrows()}}
