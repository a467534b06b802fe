"""What the kernels share: how they are compiled, and the order in which they are told of statistics."""

from __future__ import annotations

from numba import njit

STATS = ("mean", "std", "slope", "min", "max", "range", "delta", "deviation")
"""Order of the rows that `trailing` is told of."""
MEAN, STD, SLOPE, MIN, MAX, RANGE, DELTA, DEVIATION = range(8)

compiled = njit(cache=True, nogil=True, error_model="numpy")
