"""Features over history that need no window, compiled: the same operations in the same order as the device's.

Each kernel fills its rows of out (F, n) from values (S, n); starts (k + 1,): where segments, or devices, begin, and n.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.features.compiled import compiled

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@compiled  # type: ignore[untyped-decorator]
def ewma(values: Float32, starts: Int, weights: Float64, first: Int, out: Float32) -> None:
    """Exponentially weighted means; first: (weights,) first row of out for each."""
    for segment in range(len(starts) - 1):
        for k in range(len(weights)):
            for c in range(values.shape[0]):
                x, into = values[c, starts[segment] : starts[segment + 1]], out[first[k] + c, starts[segment] :]
                mean = np.nan
                for row in range(len(x)):
                    value = np.float64(x[row])
                    if np.isnan(mean):
                        mean = value
                    if not np.isnan(value):
                        mean += weights[k] * (value - mean)
                    into[row] = mean


@compiled  # type: ignore[untyped-decorator]
def own_baseline(values: Float32, births: Int, rows: int, out: Float64) -> None:
    """Fill out (S, n) with the mean of the signal's first `rows` values since the device's birth; NaN before one."""
    for device in range(len(births) - 1):
        for c in range(values.shape[0]):
            count, centre, away = 0, 0.0, 0.0
            for row in range(births[device], births[device + 1]):
                x = np.float64(values[c, row])
                if not np.isnan(x) and count < rows:
                    if count == 0:
                        centre = x
                    away += x - centre
                    count += 1
                out[c, row] = centre + away / max(count, 1) if count > 0 else np.nan
