"""Slices of the test side: by what a device is, or by the size of the target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BINS = 5
Bool = NDArray[np.bool_]


def slice_rows(name: str, frame: pd.DataFrame, devices: pd.DataFrame, binary: bool) -> Iterator[tuple[str, Bool]]:
    """Each value of a slice with its rows (n,). frame: device, time, target.

    site, vendor and firmware are those a device had at the row's time; target is cut into bins of equal width.
    """
    values = target_bins(frame["target"].to_numpy(), binary) if name == "target" else _at_time(name, frame, devices)
    for value in sorted(values.dropna().unique(), key=_natural):
        yield str(value), (values == value).to_numpy(dtype=bool)


def target_bins(target: NDArray[np.float32], binary: bool) -> pd.Series[str]:
    """The bin of each row's target, as text: "0", "1" where it is binary, else "0-25", "25-50" and so on."""
    known = np.isfinite(target)
    texts = np.full(len(target), None, dtype=object)
    if binary:
        texts[known] = [f"{t:.0f}" for t in target[known]]
    elif known.any():
        edges = np.linspace(0.0, float(target[known].max()), BINS + 1)
        place = np.clip(np.digitize(target, edges) - 1, 0, BINS - 1)
        texts[known] = [f"{edges[p]:.0f}-{edges[p + 1]:.0f}" for p in place[known]]
    return pd.Series(texts, dtype="str")


def _at_time(name: str, frame: pd.DataFrame, devices: pd.DataFrame) -> pd.Series[str]:
    left = frame[["device", "time"]].reset_index(drop=True)
    left["row"] = np.arange(len(left))
    right = devices[["device", "from", name]].sort_values("from", kind="stable")
    joined = pd.merge_asof(left.sort_values("time", kind="stable"), right, left_on="time", right_on="from", by="device")
    found = joined.set_index("row")[name].sort_index()
    return found.astype("str").where(found.notna())


def _natural(text: str) -> tuple[float, str]:
    head = text.split("-")[0]
    return (float(head), text) if head.replace(".", "").isdigit() else (np.inf, text)
