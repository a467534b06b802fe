"""Rows that say the same twice, or two things about one moment.

The rule: of rows of one device and time, the one received first stands (of those received together, the one whose
values sort first). A later one that adds no value is a duplicate; one that fills channels the first left empty is
kept beside it; one that contradicts it is quarantined.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

KEPT, DUPLICATE, CONFLICT = 0, 1, 2
CONFLICT_RULE = "conflict"

Status = NDArray[np.int8]


def judge(rows: pd.DataFrame, channels: tuple[str, ...]) -> Status:
    """(n,) KEPT, DUPLICATE or CONFLICT for each row; independent of the rows' order.

    rows: device, time, received, source, file, record and the channels.
    """
    status: Status = np.zeros(len(rows), dtype=np.int8)
    shared = np.flatnonzero(rows.duplicated(["device", "time"], keep=False).to_numpy())
    if not len(shared):
        return status
    some = rows.iloc[shared]
    values = some[list(channels)].to_numpy(dtype=np.float32)
    order = sorted(range(len(shared)), key=_keys(some, values).__getitem__)
    devices, times = some["device"].tolist(), some["time"].tolist()
    moment: tuple[str, float] | None = None
    known = np.empty(0, dtype=np.float32)
    for i in order:
        if (devices[i], times[i]) != moment:
            moment, known = (devices[i], times[i]), values[i].copy()
            continue
        status[shared[i]], known = _against(values[i], known)
    return status


def _keys(rows: pd.DataFrame, values: NDArray[np.float32]) -> list[tuple[object, ...]]:
    # NaN sorts last and equals itself
    ranks = [tuple(row) for row in np.where(np.isnan(values), np.inf, values).tolist()]
    columns = [rows[name].tolist() for name in ("device", "time", "received")]
    names = [rows[name].tolist() for name in ("source", "file", "record")]
    return list(zip(*columns, ranks, *names, strict=True))


def _against(values: NDArray[np.float32], known: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
    said, before = ~np.isnan(values), ~np.isnan(known)
    if np.any(values[said & before] != known[said & before]):
        return CONFLICT, known
    if not np.any(said & ~before):
        return DUPLICATE, known
    return KEPT, np.where(before, known, values)
