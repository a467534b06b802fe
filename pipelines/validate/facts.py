"""What a column-wise check cannot see: silences, flat lines and shares, computed in one pass a device and channel."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def device_facts(rows: pd.DataFrame, channels: tuple[str, ...]) -> pd.DataFrame:
    """One line a device: rows, longest_gap_s, and `<channel>.longest_flat` (rows of one equal value).

    rows: sorted by device and time. A missing value neither ends a flat run nor counts in it.
    """
    codes, names = pd.factorize(rows["device"], sort=True)
    time = pd.DatetimeIndex(rows["time"]).as_unit("us").asi8
    columns: dict[str, object] = {
        "device": names.astype(str),
        "rows": np.bincount(codes, minlength=len(names)),
        "longest_gap_s": _longest_gap(codes, time, len(names)) / 1e6,
    }
    for name in channels:
        columns[f"{name}.longest_flat"] = _longest_flat(codes, rows[name].to_numpy(), len(names))
    return pd.DataFrame(columns)


def dataset_facts(rows: pd.DataFrame, rejected: pd.DataFrame, records: int, quarantined: int) -> pd.DataFrame:
    """One line for the whole: rows, devices, rejected_share of the rows, quarantine_share of the records."""
    keys = rejected[["device", "time"]].drop_duplicates()
    return pd.DataFrame(
        {
            "rows": [len(rows)],
            "devices": [rows["device"].nunique()],
            "rejected_share": [len(keys) / max(len(rows), 1)],
            "quarantine_share": [quarantined / max(records, 1)],
        }
    )


def _longest_gap(codes: NDArray[np.intp], time: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count,) longest step between a device's rows, microseconds; 0 for a single row."""
    longest = np.zeros(count, dtype=np.int64)
    same = codes[1:] == codes[:-1]
    np.maximum.at(longest, codes[1:][same], np.diff(time)[same])
    return longest


def _longest_flat(codes: NDArray[np.intp], values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """(count,) longest run of one equal measured value, rows."""
    longest = np.zeros(count, dtype=np.int64)
    measured = np.flatnonzero(~np.isnan(values))
    if not len(measured):
        return longest
    device, value = codes[measured], values[measured]
    starts = np.flatnonzero(np.r_[True, (device[1:] != device[:-1]) | (value[1:] != value[:-1])])
    np.maximum.at(longest, device[starts], np.diff(np.r_[starts, len(measured)]))
    return longest
