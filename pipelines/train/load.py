"""From the rooms before to windows, and from the saved folders to models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import feature_names, input_columns
from fleetloop_edge.spec import FeatureSpec
from pipelines.errors import DataError
from pipelines.features import compute, read_grid
from pipelines.files import Place
from pipelines.train.model import Model
from pipelines.train.naive import Naive
from pipelines.train.recurrent import Recurrent
from pipelines.train.trees import Trees
from pipelines.train.windows import Windows

Side = Literal["train", "valid", "calibration", "test"]


def load_windows(place: Place, use_case: str, side: Side | None = None) -> Windows:
    """The windows of one side (None: of all), in the order of `read_grid`: rows with at least min_rows behind them.

    "train" leaves out the devices that only draw curves; "valid" is those. Windows with an unknown target are there
    too (`Windows.known` leaves them out).
    Raises DataError where the grid and the targets do not fit together.
    """
    from pipelines.split import read_learnt_spec, read_targets

    grid, targets = read_grid(place, use_case), read_targets(place, use_case)
    if len(grid) != len(targets):
        raise DataError(
            f"{use_case}: the grid has {len(grid)} rows and targets.parquet {len(targets)}; "
            f"run `dvc repro split@{use_case}` so that both are of one version"
        )
    return windows_of(grid, targets, read_learnt_spec(place, use_case), side)


def windows_of(grid: pd.DataFrame, targets: pd.DataFrame, spec: FeatureSpec, side: Side | None) -> Windows:
    """The windows of one side of a grid and its targets (row-aligned).

    Features are computed for the devices of that side alone, over their whole history: a window may look back across
    the embargo, where sides are cut by time.
    """
    there = _on_side(targets, side)
    row = np.flatnonzero(grid["device"].isin(grid.loc[there, "device"].unique()).to_numpy())
    grid, targets, there = grid.iloc[row], targets.iloc[row], there[row]
    features, names = compute(grid, spec), feature_names(spec)
    columns = input_columns(spec)
    device, devices = pd.factorize(grid["device"])
    run = grid["run"].to_numpy(dtype=np.int64)
    end = np.flatnonzero((run >= spec.min_rows) & there)
    return Windows(
        features=features,
        inputs=np.ascontiguousarray(features[:, columns]),
        end=end,
        start=end - run[end] + 1,
        row=row[end],
        target=targets["target"].to_numpy(dtype=np.float32)[end],
        life=targets["life"].to_numpy(dtype=np.float64)[end],
        age=grid["age"].to_numpy(dtype=np.float32)[end],
        device=device.astype(np.int32)[end],
        devices=tuple(str(name) for name in devices),
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


def _on_side(targets: pd.DataFrame, side: Side | None) -> NDArray[np.bool_]:
    if side is None:
        return np.ones(len(targets), dtype=np.bool_)
    asked = "train" if side == "valid" else side
    on_side: NDArray[np.bool_] = (targets["side"] == asked).to_numpy(dtype=np.bool_)
    if asked == "train":
        on_side = on_side & (targets["valid"].to_numpy(dtype=np.bool_) == (side == "valid"))
    return on_side
