"""The side of every row: by its device, by its time, or by both; and the fold in which training may leave it out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.params import SplitSpec
from pipelines.split.cuts import Cuts, find_cuts, slot_times, times_at
from pipelines.split.sides import SIDES, hashed_place

EMBARGO, UNUSED = "embargo", "unused"
NO_FOLD = -1
Bool = NDArray[np.bool_]


def place_rows(grid: pd.DataFrame, sides: pd.DataFrame, spec: SplitSpec, embargo: int, period_s: float) -> pd.DataFrame:
    """side, valid, fold: a line a row of the grid.

    sides: of `assign_sides`. side: one of SIDES; "embargo" before a cut; "unused" where a split by both leaves a row to
    nobody. embargo: periods before each cut that no side has. A side that the dataset gives holds however others are
    split.
    """
    placed = grid[["device"]].merge(sides, on="device", how="left", validate="many_to_one")
    device_side, given = placed["side"].to_numpy(dtype=object), placed["given"].to_numpy(dtype=np.bool_)
    valid = placed["valid"].to_numpy(dtype=np.bool_)
    side = device_side
    gap = np.timedelta64(round(embargo * period_s * 1e6), "us")
    if spec.by != "device":
        cuts = find_cuts(grid, spec)
        by_time = _by_time(slot_times(grid), cuts, gap)
        if spec.by == "time":
            side = np.where(given, device_side, by_time)
            valid = _latest(grid, (side == "train") & ~given, spec)
        else:
            side = np.where((by_time == device_side) | (by_time == EMBARGO), by_time, UNUSED)
            valid = valid & (side == "train")
    fold = _device_folds(grid, side, spec) if spec.by != "time" else _time_folds(grid, side, spec, gap)
    return pd.DataFrame({"side": pd.array(side, dtype="str"), "valid": valid, "fold": fold})


def _by_time(time: NDArray[np.datetime64], cuts: Cuts, gap: np.timedelta64) -> NDArray[np.object_]:
    side = np.full(len(time), "train", dtype=object)
    side[time >= cuts.calibration - gap] = EMBARGO
    side[time >= cuts.calibration] = "calibration"
    side[time >= cuts.test - gap] = EMBARGO
    side[time >= cuts.test] = "test"
    return side


def _latest(grid: pd.DataFrame, train: Bool, spec: SplitSpec) -> Bool:
    """The last rows of train draw the curves."""
    found = np.zeros(len(grid), dtype=np.bool_)
    if spec.valid > 0 and train.any():
        rows = grid[train]
        found[train] = slot_times(rows) >= times_at(rows, 1 - spec.valid, spec.clock == "device")
    return found


def _device_folds(grid: pd.DataFrame, side: NDArray[np.object_], spec: SplitSpec) -> NDArray[np.int8]:
    """Train devices dealt out in the order of their hashes: folds of like size."""
    fold = np.full(len(grid), NO_FOLD, dtype=np.int8)
    names = grid["device"].to_numpy(dtype=object)
    train = sorted(set(names[side == "train"]), key=lambda name: hashed_place(f"fold:{name}", spec))
    if min(spec.folds, len(train)) < 2:
        return fold
    of = {name: i % min(spec.folds, len(train)) for i, name in enumerate(train)}
    fold[side == "train"] = [of[name] for name in names[side == "train"]]
    return fold


def _time_folds(
    grid: pd.DataFrame, side: NDArray[np.object_], spec: SplitSpec, gap: np.timedelta64
) -> NDArray[np.int8]:
    """Blocks of train's time, each but the last without its end: as many as leave every block more than its gap."""
    fold = np.full(len(grid), NO_FOLD, dtype=np.int8)
    train = side == "train"
    rows = grid[train]
    if rows.empty:
        return fold
    time, by_device = slot_times(rows), spec.clock == "device"
    for count in range(spec.folds, 1, -1):
        edges = [times_at(rows, i / count, by_device) for i in range(1, count)]
        block = np.sum([time >= edge for edge in edges], axis=0).astype(np.int8)
        near = np.any([(time >= edge - gap) & (time < edge) for edge in edges], axis=0)
        if all((~near & (block == i)).any() for i in range(count)):
            fold[train] = np.where(near, NO_FOLD, block)
            return fold
    return fold


def on_a_side(targets: pd.DataFrame) -> Bool:
    """(n,) rows that stand on one of SIDES."""
    found: Bool = targets["side"].isin(SIDES).to_numpy(dtype=np.bool_)
    return found
