"""Every model's answer on the calibration and the test side, one row a scored grid row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.decide import missing_share
from pipelines.evaluate.lives import epoch_seconds
from pipelines.tasks import Outcome
from pipelines.train import Model, Windows

SIDES = ("calibration", "test")
MODELS = ("naive", "baseline", "sequence")
CANDIDATES = ("baseline", "sequence")
"""What may ship; naive is what they have to beat."""


def score_sides(
    windows: Callable[[str], Windows],
    models: Mapping[str, Model],
    grid: pd.DataFrame,
    targets: pd.DataFrame,
    channels: Sequence[str],
) -> pd.DataFrame:
    """Answers of all models: device, time, side, segment, missing, life, target, healthy and a column a model.

    windows: those of a side. grid, targets: aligned row by row, as `read_grid` and `read_targets` give them.
    missing: share of channels without a value in the row. Sorted by side, device, time.
    """
    return pd.concat([_score(side, windows(side), models, grid, targets, channels) for side in SIDES]).reset_index(
        drop=True
    )


def _score(
    side: str,
    windows: Windows,
    models: Mapping[str, Model],
    grid: pd.DataFrame,
    targets: pd.DataFrame,
    channels: Sequence[str],
) -> pd.DataFrame:
    at = grid.iloc[windows.row]
    values = at[list(channels)].to_numpy(dtype=np.float32)
    frame = pd.DataFrame(
        {
            "device": at["device"].astype("str").to_numpy(),
            "time": at["time"].to_numpy(),
            "side": side,
            "segment": at["segment"].to_numpy(dtype=np.int32),
            "missing": missing_share(values).astype(np.float32),
            "life": windows.life,
            "target": windows.target,
            "healthy": targets["healthy"].to_numpy()[windows.row].astype(bool),
        }
    )
    frame["time"] = at["time"].reset_index(drop=True)
    for name in MODELS:
        frame[name] = models[name].predict(windows)[:, 0]
    return frame


def outcome(frame: pd.DataFrame, model: str) -> Outcome:
    """One model's answers as tasks judge them. frame: scored rows sorted by device and time."""
    device = pd.factorize(frame["device"])[0].astype(np.int64)
    last = np.ones(len(device), dtype=bool)
    last[:-1] = device[1:] != device[:-1]
    return Outcome(
        device=device,
        time_s=epoch_seconds(frame["time"]),
        life=frame["life"].to_numpy(dtype=np.float64),
        target=frame["target"].to_numpy(dtype=np.float32),
        predicted=frame[model].to_numpy(dtype=np.float32),
        last=last,
    )


def abstentions(frame: pd.DataFrame, abstain_missing: float) -> NDArray[np.bool_]:
    """Rows (n,) on which nobody answers."""
    return frame["missing"].to_numpy(dtype=np.float64) > abstain_missing
