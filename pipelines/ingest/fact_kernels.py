"""Statistics of sorted rows, compiled: what each device's clock and channels did."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

STEP_COLUMNS = (
    "steps", "step_mean", "step_m2", "gaps", "gap_longest", "gap_total", "turned",
    "delay_min", "delay_mean", "delay_max",
)  # fmt: skip

CHANNEL_COLUMNS = (
    "measured", "mean", "m2", "min", "max", "whole", "flat", "head", "tail", "head_value", "tail_value",
)  # fmt: skip
"""measured: rows with a value. mean, m2 (sum of squared deviations), min, max of these. whole: how many are whole
numbers. flat: longest run of one equal value, rows (a missing value neither ends a run nor counts); head, tail: length
of the first and of the last run, with their values."""

WHOLE_COLUMNS = frozenset(("measured", "whole", "flat", "head", "tail"))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def steps(time: Int64, received: Int64, starts: Int64, period: int, bins: int) -> Float64:
    """(D, columns and bins). time, received, period: microseconds; starts: where devices begin, and n."""
    out = np.zeros((len(starts) - 1, 10 + bins), dtype=np.float64)
    for d in range(len(starts) - 1):
        line = out[d]
        count, mean, m2 = 0, 0.0, 0.0
        low, high, total = np.inf, -np.inf, 0.0
        latest = received[starts[d]]
        for i in range(starts[d], starts[d + 1]):
            delay = (received[i] - time[i]) / 1e6
            low, high, total = min(low, delay), max(high, delay), total + delay
            line[6] += received[i] < latest
            latest = max(latest, received[i])
            step = time[i] - time[i - 1] if i > starts[d] else 0
            if step == 0:
                continue
            if 2 * step <= 3 * period:
                count += 1
                away = step / 1e6 - mean
                mean += away / count
                m2 += away * (step / 1e6 - mean)
                continue
            line[3] += 1
            line[4] = max(line[4], step / 1e6)
            line[5] += step / 1e6
            bin_, bound = 0, 3 * period
            while bin_ < bins - 1 and step > bound:
                bin_, bound = bin_ + 1, 2 * bound
            line[10 + bin_] += 1
        line[0], line[1], line[2] = count, mean, m2
        line[7], line[8], line[9] = low, total / max(starts[d + 1] - starts[d], 1), high
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def channel(values: Float32, starts: Int64) -> Float64:
    """(D, columns) of one channel. values: (n,), NaN where nothing was measured."""
    out = np.zeros((len(starts) - 1, 11), dtype=np.float64)
    for d in range(len(starts) - 1):
        line = out[d]
        count, whole, shift, total, squares = 0, 0, 0.0, 0.0, 0.0
        low, high = np.float32(np.inf), np.float32(-np.inf)
        run, longest, head, held = 0, 0, 0, np.float32(np.nan)
        for i in range(starts[d], starts[d + 1]):
            value = values[i]
            if np.isnan(value):
                continue
            if count == 0:
                shift = np.float64(value)
                line[9] = value
            away = np.float64(value) - shift
            total += away
            squares += away * away
            count += 1
            low, high = min(low, value), max(high, value)
            whole += value == np.floor(value)
            if value == held:
                run += 1
            else:
                if head == 0:
                    head = run
                longest = max(longest, run)
                run, held = 1, value
        if count == 0:
            continue
        line[0], line[1] = count, shift + total / count
        line[2] = max(squares - total * total / count, 0.0)
        line[3], line[4], line[5] = low, high, whole
        line[6], line[7], line[8], line[10] = max(longest, run), head if head > 0 else run, run, held
    return out
