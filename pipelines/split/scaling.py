"""Channels that arrive scaled by somebody who had seen all sides."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.split.check import Check, few

EXACT = 2e-3
"""How near mean 0 and deviation 1, or least 0 and greatest 1, a channel's values must come to be taken for scaled."""

Values = NDArray[np.float64]


def scaled_on_all(grid: pd.DataFrame, targets: pd.DataFrame, channels: tuple[str, ...]) -> Check:
    """No channel is standardised, or stretched to 0 … 1, over all rows and not over those of train.

    It cannot be undone here, so it is told and does not refuse: many public data sets come that way.
    """
    train = (targets["side"] == "train").to_numpy()
    found = [name for name in channels if _scaled(*_measured(grid, name, train))]
    sentence = "no channel comes scaled by statistics of all sides"
    if found:
        sentence = (
            f"{few(found)} came scaled by statistics of all rows, test among them; train on the channels as measured"
        )
    return Check("scaling_on_test", float(len(found)), 0.0, not found, sentence, refuses=False)


def _measured(grid: pd.DataFrame, name: str, train: NDArray[np.bool_]) -> tuple[Values, Values]:
    """The channel's measured values in all rows, and in those of train."""
    values = grid[name].to_numpy(dtype=np.float64)
    there = grid[f"{name}.measured"].to_numpy(dtype=np.bool_) & np.isfinite(values)
    return values[there], values[there & train]


def _scaled(whole: Values, train: Values) -> bool:
    if len(whole) < 2 or len(train) < 2 or len(train) == len(whole):
        return False
    return any(_off(whole)[i] <= EXACT and _off(train)[i] > 2 * EXACT for i in (0, 1))


def _off(x: Values) -> tuple[float, float]:
    """How far from standardised, and how far from stretched to 0 … 1."""
    return max(abs(float(x.mean())), abs(float(x.std()) - 1)), max(abs(float(x.min())), abs(float(x.max()) - 1))
