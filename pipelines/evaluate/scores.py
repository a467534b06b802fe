"""Every model's answer on the calibration and the test side, one row a scored grid row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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


Aligned = tuple[pd.DataFrame, pd.DataFrame]


def score_sides(
    windows: Callable[[str], Windows],
    models: Mapping[str, Model],
    blocks: Callable[[], Iterable[Aligned]],
    channels: Sequence[str],
) -> pd.DataFrame:
    """Answers of all models: device, time, side, segment, missing, life, target, healthy and a column a model.

    windows: those of a side. blocks: grid (device, time, segment, channels) and targets (healthy), row by row alike,
    some at a time in the order of `read_grid`. missing: share of channels without a value in the row. Sorted by side,
    device, time.
    """
    return pd.concat([_score(side, windows(side), models, blocks(), channels) for side in SIDES]).reset_index(drop=True)


def _score(
    side: str,
    windows: Windows,
    models: Mapping[str, Model],
    blocks: Iterable[Aligned],
    channels: Sequence[str],
) -> pd.DataFrame:
    about = pd.concat(_about(windows.row, blocks, channels), ignore_index=True)
    frame = about[["device", "time"]].assign(side=side)
    frame = frame.assign(segment=about["segment"], missing=about["missing"], life=windows.life, target=windows.target)
    frame["healthy"] = about["healthy"]
    for name in MODELS:
        frame[name] = models[name].predict(windows)[:, 0]
    return frame


def _about(row: NDArray[np.int64], blocks: Iterable[Aligned], channels: Sequence[str]) -> Iterator[pd.DataFrame]:
    """What is told of rows (n,) beside the answers: device, time, segment, missing, healthy."""
    first = 0
    for grid, targets in blocks:
        low, high = np.searchsorted(row, [first, first + len(grid)])
        at = grid.iloc[row[low:high] - first]
        yield pd.DataFrame(
            {
                "device": at["device"].astype("str"),
                "time": at["time"],
                "segment": at["segment"].astype(np.int32),
                "missing": missing_share(at[list(channels)].to_numpy(dtype=np.float32)).astype(np.float32),
                "healthy": targets["healthy"].to_numpy(dtype=bool)[row[low:high] - first],
            }
        )
        first += len(grid)


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
