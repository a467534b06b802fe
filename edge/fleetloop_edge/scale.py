"""From feature values to what the sequence model is fed: z-scores, missing as zero, outliers bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LIMIT = 10.0
"""Standard deviations at which a scaled input is cut: a broken sensor must not drive the model anywhere."""


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation a sequence input, in the order of `input_columns`."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def apply(self, x: ArrayLike) -> NDArray[np.float32]:
        """Scale x (..., I): (x - mean) / sd in float32, NaN to 0, cut at +-LIMIT."""
        mean = np.asarray(self.mean, dtype=np.float32)
        sd = np.asarray(self.sd, dtype=np.float32)
        scaled = (np.asarray(x, dtype=np.float32) - mean) / sd
        known: NDArray[np.float32] = np.nan_to_num(scaled, nan=0.0, posinf=LIMIT, neginf=-LIMIT)
        return known.clip(-LIMIT, LIMIT)
