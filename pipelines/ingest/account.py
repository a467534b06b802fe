"""Where every record went: accepted, quarantined or a duplicate. Their sum is what came in, or ingest fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.errors import DataError
from pipelines.ingest.batch import Quarantined
from pipelines.ingest.duplicates import CONFLICT, CONFLICT_RULE, KEPT, Status

COUNTS = ("records", "accepted", "quarantined", "duplicates", "cells_quarantined")


@dataclass(frozen=True)
class Fate:
    """What became of one file's records."""

    source: str
    file: str
    records: int
    accepted: int
    quarantined: int
    duplicates: int
    cells_quarantined: int


def fate(source: str, file: str, records: int, record: Any, status: Status, quarantined: Sequence[Quarantined]) -> Fate:
    """Count one file. record, status: (n,) of its rows; a record is accepted if one row of it is kept.

    Raises DataError when the sum is not the number of records.
    """
    _, where = np.unique(np.asarray(record, dtype=np.int64), return_inverse=True)
    kept = np.bincount(where, weights=status == KEPT) > 0
    conflict = (np.bincount(where, weights=status == CONFLICT) > 0) & ~kept
    whole = {entry.record for entry in quarantined if entry.channel is None and entry.rule != CONFLICT_RULE}
    counted = Fate(
        source,
        file,
        records,
        accepted=int(kept.sum()),
        quarantined=len(whole) + int(conflict.sum()),
        duplicates=int((~kept & ~conflict).sum()),
        cells_quarantined=sum(entry.channel is not None for entry in quarantined),
    )
    total = counted.accepted + counted.quarantined + counted.duplicates
    if total != records:
        raise DataError(
            f"{file} (source {source!r}): {records} records came in but {total} are accounted for; "
            f"this is a bug of ingest: please report it with the file"
        )
    return counted


def accounting(fates: Sequence[Fate]) -> dict[str, Any]:
    """Totals, and the same by source."""
    frame = pd.DataFrame([vars(f) for f in fates])
    by_source = frame.groupby("source", sort=True)[list(COUNTS)].sum()
    totals = {name: int(frame[name].sum()) for name in COUNTS}
    return totals | {"by_source": {str(k): {n: int(v[n]) for n in COUNTS} for k, v in by_source.iterrows()}}


def channel_statistics(rows: pd.DataFrame, channels: tuple[str, ...]) -> dict[str, Any]:
    """For each channel of the accepted rows: share missing, mean, sd, min, max; null where nothing was measured."""
    found = {}
    for name in channels:
        values = rows[name].to_numpy(dtype=np.float64)
        values = np.sort(values[~np.isnan(values)])  # sorted: the sum does not depend on the rows' order
        figures = (values.mean(), values.std(), values[0], values[-1]) if len(values) else (None,) * 4
        named = dict(zip(("mean", "sd", "min", "max"), figures, strict=True))
        plain = {key: None if figure is None else float(f"{figure:.9g}") for key, figure in named.items()}
        found[name] = {"missing_share": round(1 - len(values) / max(len(rows), 1), 9), **plain}
    return found
