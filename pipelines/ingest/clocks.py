"""Devices' clocks: how far each is off, and where one jumps or turns back. Nothing is corrected here.

A row's delay is received less measured. The smallest delay of a device is what the way takes at least, less what its
clock is ahead; the way takes a fleet's devices about the same, so the fleet's median tells the one from the other.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.ingest.part_rows import PartRows
from pipelines.ingest.schema import utc

Ints = NDArray[np.int64]

AROUND = 8  # rows before and after, whose smallest delays are compared
MOST = 20  # jumps of a device in one part that are kept


def ahead(delays: pd.DataFrame) -> pd.Series[float]:
    """Seconds by which each device's clock is ahead of the fleet's (behind: negative), by device.

    delays: device, delay_min, delay_max (seconds); several lines a device. A device whose delay never varies says
    nothing: its receipt is computed, not told.
    """
    by_device = delays.groupby("device", sort=True).agg(low=("delay_min", "min"), high=("delay_max", "max"))
    told = by_device[by_device["high"] > by_device["low"]]
    off = told["low"].median() - told["low"]
    found: pd.Series[float] = off.where(
        told["low"] >= 0, np.maximum(off, -told["low"])
    )  # none arrives before it is sent
    return found


def jumps(time: Ints, received: Ints, least: int) -> list[tuple[int, int]]:
    """Where one device's clock jumps by `least` or more: (row, by how much), microseconds.

    time, received: (n,) of one device. Over AROUND rows before and after, in order of receipt, the smallest delay
    changes for good; a single late row changes neither.
    """
    order = np.argsort(received, kind="stable")
    delay = (received - time)[order]
    if len(delay) < 2 * AROUND:
        return []
    lowest = _lowest(delay, AROUND)
    change = lowest[:-AROUND] - lowest[AROUND:]  # before less after: a clock that gains makes delays smaller
    places = np.flatnonzero(np.abs(change) >= least)
    sign = np.sign(change[places])
    groups = np.split(places, np.flatnonzero((np.diff(places) > 1) | (np.diff(sign) != 0)) + 1)
    found = []
    for group in groups if len(places) else ():
        edge = group[-1] if change[group[0]] > 0 else group[0]  # smaller delays show early, larger ones late
        by = int(change[group[np.argmax(np.abs(change[group]))]])
        found.append((int(order[edge + AROUND]), by))
    return found


def _lowest(values: Ints, width: int) -> Ints:
    """(n - width + 1,) the least of each `width` neighbours. width: a power of two."""
    step = 1
    while step < width:
        values = np.minimum(values[:-step], values[step:])
        step *= 2
    return values


def all_jumps(kept: PartRows, steps: pd.DataFrame, period_s: float) -> pd.DataFrame:
    """device, at, by (seconds): jumps by a period or more of every device of a part, the first MOST of each.

    kept: sorted; steps: as `facts.steps` gives it. A device whose delays differ by less has a clock that did not jump.
    """
    ends = np.cumsum(steps["rows"].to_numpy())
    wide = np.flatnonzero((steps["delay_max"] - steps["delay_min"]).to_numpy() >= period_s)
    found: list[tuple[str, int, float]] = []
    for d in wide.tolist():
        own = slice(int(ends[d] - steps["rows"].iloc[d]), int(ends[d]))
        time = kept.keys["time"][own]
        some = jumps(time, kept.keys["received"][own], int(period_s * 1e6))[:MOST]
        found += [(str(steps["device"].iloc[d]), int(time[row]), by / 1e6) for row, by in some]
    return pd.DataFrame(
        {
            "device": pd.array([device for device, _, _ in found], dtype="str"),
            "at": utc(np.array([at for _, at, _ in found], dtype=np.int64)),
            "by": np.array([by for _, _, by in found], dtype=np.float64),
        }
    )


def turns(time: Ints, device: NDArray[np.int32]) -> Ints:
    """Rows, in the order of a file, that are earlier than the device's row before: a counter that began again, a clock
    that was set back, or rows that came late."""
    order = np.argsort(device, kind="stable")
    back = (np.diff(time[order]) < 0) & (np.diff(device[order]) == 0)
    found: Ints = np.sort(order[1:][back])
    return found
