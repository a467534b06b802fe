"""What a model is asked of each row of the grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.tasks import TaskSpec
from pipelines.tasks.base import life_left


def build_targets(grid: pd.DataFrame, events: pd.DataFrame, task: TaskSpec, period_s: float) -> pd.DataFrame:
    """A line a row of the grid, in its order: device, time, life, ahead, target, healthy.

    life: periods from the slot's start to the device's next failure, inf = none known. ahead: periods of history after
    the row. target: float32, NaN = unknown. healthy: by the task's rule; where no failure is known, by the history
    that was seen to follow.
    """
    life = life_left(grid, events, task.failure, period_s)
    ahead = periods_ahead(grid, period_s)
    return pd.DataFrame(
        {
            "device": grid["device"],
            "time": grid["time"],
            "life": life,
            "ahead": ahead,
            "target": task.target(life, ahead),
            "healthy": task.healthy(np.where(np.isfinite(life), life, ahead)),
        }
    )


def periods_ahead(grid: pd.DataFrame, period_s: float) -> NDArray[np.float64]:
    """(n,) periods from each row to its device's last row."""
    last = grid.groupby("device", sort=False)["time"].transform("max")
    return np.asarray((last - grid["time"]).dt.total_seconds() / period_s, dtype=np.float64)
