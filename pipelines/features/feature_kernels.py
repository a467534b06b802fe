"""Features over history, compiled: the same operations in the same order as `fleetloop_edge.features` and `.trailing`.

Each kernel fills its columns of out (n, F) from values (n, C); starts (S + 1,) are the rows where segments, or
devices, begin, and n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleetloop_edge.trailing import CENTRE, COUNT, HIGH, LOW, PLACES, PLACES2, PRODUCTS, SQUARES, SUM, SUMS

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

STATS = ("mean", "std", "slope", "min", "max", "range", "delta", "deviation")
"""Order of the columns that `trailing` is told of."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def ewma(values: Float32, starts: Int, weights: Float64, first: Int, out: Float32) -> None:
    """Exponentially weighted means; first: (weights,) first column of each."""
    channels = values.shape[1]
    for segment in range(len(starts) - 1):
        for k in range(len(weights)):
            mean = np.full(channels, np.nan)
            for row in range(starts[segment], starts[segment + 1]):
                for c in range(channels):
                    x = np.float64(values[row, c])
                    if np.isnan(mean[c]):
                        mean[c] = x
                    if not np.isnan(x):
                        mean[c] += weights[k] * (x - mean[c])
                    out[row, first[k] + c] = mean[c]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def less_baseline(values: Float32, births: Int, rows: int, firsts: Int, unit: Float64, out: Float32) -> None:
    """Take the mean of the signal's first `rows` values since the device's birth off what stands in out, in units.

    firsts: (k,) first columns of the blocks, one column a signal. unit: (S,) what counts as 1.
    """
    for device in range(len(births) - 1):
        for c in range(values.shape[1]):
            count, centre, away = 0, 0.0, 0.0
            for row in range(births[device], births[device + 1]):
                x = np.float64(values[row, c])
                if not np.isnan(x) and count < rows:
                    if count == 0:
                        centre = x
                    away += x - centre
                    count += 1
                baseline = centre + away / max(count, 1) if count > 0 else np.nan
                for first in firsts:
                    out[row, first + c] = (np.float64(out[row, first + c]) - baseline) / unit[c]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def trailing(values: Float32, starts: Int, lengths: Int, columns: Int, out: Float32) -> None:
    """Window statistics; lengths: (W,) rows; columns: (W, 8) first column of each of STATS, -1: not wanted."""
    channels, longest = values.shape[1], max(lengths)
    block, tails = np.empty((channels, longest)), np.empty((channels, longest + 1, SUMS))
    head = np.empty((channels, SUMS))
    for segment in range(len(starts) - 1):
        for w in range(len(lengths)):
            length = lengths[w]
            for row in range(starts[segment], starts[segment + 1]):
                run = row - starts[segment]
                place = run % length
                older = place + 1 if run >= length else length  # the tail after the last row is empty
                for c in range(channels):
                    x = np.float64(values[row, c])
                    if place == 0:
                        clear(head[c])
                    if run < length:
                        clear(tails[c, length])
                    grow(head[c], x, np.float64(place))
                    block[c, place] = x
                    write(head[c], tails[c, older], np.float64(length), x, columns[w], c, out[row])
                    if place == length - 1:
                        cut(block[c], length, tails[c])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def clear(part: Float64) -> None:
    """Make a part (SUMS,) empty."""
    for k in range(SUMS):
        part[k] = 0.0
    part[LOW], part[HIGH] = np.inf, -np.inf


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def grow(part: Float64, x: float, place: float) -> None:
    """Add value x at a place to a part (SUMS,); NaN adds nothing."""
    if np.isnan(x):
        return
    if part[COUNT] == 0:
        part[CENTRE] = x
    away = x - part[CENTRE]
    part[COUNT] += 1.0
    part[SUM] += away
    part[SQUARES] += away * away
    part[PLACES] += place
    part[PLACES2] += place * place
    part[PRODUCTS] += place * away
    part[LOW] = min(part[LOW], x)
    part[HIGH] = max(part[HIGH], x)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def cut(block: Float64, length: int, tails: Float64) -> None:
    """Sums of each tail of a full block of `length` rows, from its newest value backwards."""
    part = np.empty(SUMS)
    clear(part)
    for place in range(length - 1, -1, -1):
        grow(part, block[place], np.float64(place))
        for k in range(SUMS):
            tails[place, k] = part[k]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def write(head: Float64, tail: Float64, length: float, last: float, columns: Int, c: int, out: Float32) -> None:
    """The statistics of a window made of a newer and an older part (SUMS,) each: `combine`, for one channel."""
    head_count, tail_count = max(head[COUNT], 1.0), max(tail[COUNT], 1.0)
    count = head[COUNT] + tail[COUNT]
    if count == 0:
        for s in range(len(columns)):
            if columns[s] >= 0:
                out[columns[s] + c] = np.nan
        return
    share = tail[COUNT] / count
    weight = head[COUNT] * share
    head_mean, tail_mean = head[SUM] / head_count, tail[SUM] / tail_count
    head_centre = head[CENTRE] if head[COUNT] > 0 else tail[CENTRE]
    tail_centre = tail[CENTRE] if tail[COUNT] > 0 else head[CENTRE]
    apart = (tail_centre - head_centre) + (tail_mean - head_mean)
    mean = head_centre + (head_mean + apart * share)
    if columns[0] >= 0:
        out[columns[0] + c] = mean
    if columns[7] >= 0:
        out[columns[7] + c] = mean  # `less_baseline` takes the baseline off
    if columns[1] >= 0:
        squares = (head[SQUARES] - head[SUM] * head_mean) + (tail[SQUARES] - tail[SUM] * tail_mean)
        squares += apart * apart * weight
        out[columns[1] + c] = np.sqrt(max(squares / count, 0.0))
    if columns[2] >= 0:
        out[columns[2] + c] = slope(head, tail, length, apart, weight) if count > 1 else np.nan
    low, high = min(head[LOW], tail[LOW]), max(head[HIGH], tail[HIGH])
    for s, found in ((3, low), (4, high), (5, high - low), (6, last - mean)):
        if columns[s] >= 0:
            out[columns[s] + c] = found


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def slope(head: Float64, tail: Float64, length: float, apart: float, weight: float) -> Any:
    """Least squares of value on row, from both parts (SUMS,)."""
    head_place, tail_place = head[PLACES] / max(head[COUNT], 1.0), tail[PLACES] / max(tail[COUNT], 1.0)
    ago = (tail_place - head_place) - length
    rise = (head[PRODUCTS] - head_place * head[SUM]) + (tail[PRODUCTS] - tail_place * tail[SUM]) + ago * apart * weight
    run = (head[PLACES2] - head_place * head[PLACES]) + (tail[PLACES2] - tail_place * tail[PLACES]) + ago * ago * weight
    return rise / run
