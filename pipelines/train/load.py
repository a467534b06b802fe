"""From the rooms before to windows, and from the saved folders to models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import feature_names, input_columns
from fleetloop_edge.spec import FeatureSpec
from pipelines.features import compute, stream_grid
from pipelines.files import Place
from pipelines.split import read_learnt_spec, stream_aligned
from pipelines.train.model import Model
from pipelines.train.naive import Naive
from pipelines.train.recurrent import Recurrent
from pipelines.train.streamed import Streamed
from pipelines.train.trees import Trees
from pipelines.train.windows import Held, Source, Windows

BLOCK_BYTES = 2**25
"""Of features that are computed at once, unless one device has more."""
Side = Literal["train", "valid", "calibration", "test"]


def load_windows(place: Place, use_case: str, side: Side | None = None) -> Windows:
    """The windows of one side (None: of all), in the order of `read_grid`: rows with at least min_rows behind them.

    "train" leaves out the devices that only draw curves; "valid" is those. Windows with an unknown target are there
    too (`Windows.known` leaves them out). Features are computed where they are asked for, block by block.
    Raises DataError where the grid and the targets do not fit together.
    """
    spec = read_learnt_spec(place, use_case)
    columns = ["device", "run", "age"], ["side", "valid", "target", "life"]
    parts = [_part(grid, targets, spec, side) for grid, targets in stream_aligned(place, use_case, *columns)]
    names = [*(f"{name}.measured" for name in spec.channels), *(f"since.{kind}" for kind in dict.fromkeys(spec.since))]
    wanted = ["device", "time", "segment", "generation", "age", *names, *spec.channels]
    devices = frozenset(name for part in parts for name in part.devices)
    source = Streamed(
        partial(stream_grid, place, use_case, wanted, BLOCK_BYTES // (4 * len(feature_names(spec)))),
        devices,
        sum(part.rows for part in parts),
        spec,
    )
    return _joined(parts, source, spec)


def windows_of(grid: pd.DataFrame, targets: pd.DataFrame, spec: FeatureSpec, side: Side | None) -> Windows:
    """The windows of one side of a grid and its targets (row-aligned), with all their features in memory.

    Features are computed for the devices of that side alone, over their whole history: a window may look back across
    the embargo, where sides are cut by time.
    """
    part = _part(grid, targets, spec, side)
    features = compute(grid[grid["device"].isin(part.devices)], spec)
    source = Held(features, np.ascontiguousarray(features[:, input_columns(spec)]))
    return _joined([part], source, spec)


@dataclass(frozen=True)
class _Part:
    """The windows of some whole devices. grid_rows: of the block; rows: of the side's devices, which `end` counts."""

    grid_rows: int
    rows: int
    devices: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]  # a window each: end, start, row, target, life, age, device


def _part(grid: pd.DataFrame, targets: pd.DataFrame, spec: FeatureSpec, side: Side | None) -> _Part:
    there = _on_side(targets, side)
    own = np.flatnonzero(grid["device"].isin(grid.loc[there, "device"].unique()).to_numpy())
    device, devices = pd.factorize(grid["device"].iloc[own])
    run = grid["run"].to_numpy(dtype=np.int64)[own]
    end = np.flatnonzero((run >= spec.min_rows) & there[own])
    row = own[end]
    arrays = {
        "end": end,
        "start": end - run[end] + 1,
        "row": row,
        "target": targets["target"].to_numpy(dtype=np.float32)[row],
        "life": targets["life"].to_numpy(dtype=np.float64)[row],
        "age": grid["age"].to_numpy(dtype=np.float32)[row],
        "device": device.astype(np.int32)[end],
    }
    return _Part(len(grid), len(own), tuple(str(name) for name in devices), arrays)


def _joined(parts: Sequence[_Part], source: Source, spec: FeatureSpec) -> Windows:
    """The parts one after another, each counting on from those before."""
    grid_rows = rows = devices = 0
    for part in parts:
        part.arrays["row"] += grid_rows
        part.arrays["end"] += rows
        part.arrays["start"] += rows
        part.arrays["device"] += np.int32(devices)
        grid_rows, rows, devices = grid_rows + part.grid_rows, rows + part.rows, devices + len(part.devices)
    names, columns = feature_names(spec), input_columns(spec)
    return Windows(
        source=source,
        **{name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays},
        devices=tuple(name for part in parts for name in part.devices),
        names=names,
        input_names=tuple(names[i] for i in columns),
        spec=spec,
    )


def load_models(place: Place, use_case: str) -> dict[str, Model]:
    """The trained models of a use case: "naive", "baseline" (LightGBM) and "sequence" (GRU or LSTM)."""
    folder = place.room(use_case, "train")
    readers: dict[str, tuple[Callable[[Path, str], Model], str, str]] = {
        "naive": (Naive.load, "baseline", "train_baseline"),
        "baseline": (Trees.load, "baseline", "train_baseline"),
        "sequence": (Recurrent.load, "sequence", "train_sequence"),
    }
    return {
        role: read(folder / below, f"dvc repro {stage}@{use_case}") for role, (read, below, stage) in readers.items()
    }


def load_trees(place: Place, use_case: str) -> Trees:
    """The trained LightGBM model alone."""
    return Trees.load(place.room(use_case, "train") / "baseline", f"dvc repro train_baseline@{use_case}")


def _on_side(targets: pd.DataFrame, side: Side | None) -> NDArray[np.bool_]:
    if side is None:
        return np.ones(len(targets), dtype=np.bool_)
    asked = "train" if side == "valid" else side
    on_side: NDArray[np.bool_] = (targets["side"] == asked).to_numpy(dtype=np.bool_)
    if asked == "train":
        on_side = on_side & (targets["valid"].to_numpy(dtype=np.bool_) == (side == "valid"))
    return on_side
