"""The trailing rows that a sequence model is fed, one window a device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.features import input_columns
from fleetloop_edge.spec import FeatureSpec


class SequenceWindow:
    """The last `steps` rows of a device's sequence inputs; no window reaches over a segment's start.

    A history shorter than `steps` is padded on the left: with its first row, or, where pad is zero, with NaN, which
    scaling turns into the mean.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._pad_first = spec.sequence.pad == "first"
        self._rows = np.empty((spec.sequence.steps, len(input_columns(spec))), dtype=np.float32)
        self._segment: int | None = None

    def push(self, inputs: NDArray[np.float32], segment: int) -> NDArray[np.float32]:
        """Take one row (I,), unscaled; the (steps, I) window that ends with it, unscaled."""
        if segment != self._segment:
            self._segment = segment
            self._rows[:] = inputs if self._pad_first else np.nan
        self._rows[:-1] = self._rows[1:]
        self._rows[-1] = inputs
        return self._rows.copy()
