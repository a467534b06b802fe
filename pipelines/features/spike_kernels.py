"""The trailing Hampel filter over history, compiled: the same operations in the same order as `fleetloop_edge.grid`'s.

One channel at a time. Whole windows are judged many at once: their values stand in w rows, and the few smallest of each
column are brought up by exchanging whole rows, which the processor does several columns at a time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleetloop_edge.grid import MAD_TO_SD

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

TILE = 256
"""Windows that are judged at once: they stay in the processor's cache."""
WIDEST = 32
"""Wider windows are kept in order one by one: exchanging grows with the square of their width."""


class Hampel(NamedTuple):
    """The filter of one channel; window 0: none. least: the smallest robust deviation."""

    window: int
    sigmas: float
    least: float


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def measure(values: Float32, starts: Int, hampel: Hampel, measured: Bool) -> None:
    """Fill measured (m,): which of values (m,) are there and no spikes. starts: where segments begin, and m."""
    if hampel.window == 0:
        for i in range(len(values)):
            measured[i] = np.isfinite(values[i])
        return
    w = hampel.window
    known, places, spikes = np.empty(len(values), np.float32), np.empty(len(values), np.int64), np.empty(TILE, np.bool_)
    tile, distance, ordered = np.empty((w, TILE), np.float32), np.empty((w, TILE)), np.empty(w)
    middle = np.empty(TILE)
    for segment in range(len(starts) - 1):
        count = 0
        for i in range(starts[segment], starts[segment + 1]):
            measured[i] = np.isfinite(values[i])
            known[count], places[count] = values[i], i
            count += measured[i]
        x = known[:count]
        whole = w - 1 if w <= WIDEST else count
        one_by_one(x, min(whole, count), hampel, ordered, measured, places)
        for first in range(whole, count, TILE):
            last = min(first + TILE, count)
            judge(x[first - w + 1 : last], hampel, tile, distance, middle, spikes)
            for i in range(last - first):
                if spikes[i]:
                    measured[places[first + i]] = False


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def judge(x: Float32, hampel: Hampel, tile: Float32, distance: Float64, middle: Float64, spikes: Bool) -> None:
    """Which of the values after the first w - 1 of x are spikes among the w that end with them."""
    w = hampel.window
    n, low, high = len(x) - w + 1, (w - 1) // 2, w // 2
    for k in range(w):
        row, shifted = tile[k], x[k:]
        for i in range(n):
            row[i] = shifted[i]
    smallest_first(tile, n, high)
    below, above = tile[low], tile[high]
    for i in range(n):
        middle[i] = 0.5 * (np.float64(below[i]) + np.float64(above[i]))
    for k in range(w):
        away, shifted = distance[k], x[k:]
        for i in range(n):
            away[i] = abs(np.float64(shifted[i]) - middle[i])
    newest = x[w - 1 :]
    smallest_first(distance, n, high)
    near, far = distance[low], distance[high]
    for i in range(n):
        spread = max(MAD_TO_SD * (0.5 * (near[i] + far[i])), hampel.least)
        spikes[i] = abs(np.float64(newest[i]) - middle[i]) > hampel.sigmas * spread


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def smallest_first(rows: Any, n: int, last: int) -> None:
    """Bring the smallest values of the first n columns up, in order, through row `last`."""
    for p in range(last + 1):
        upper = rows[p]
        for q in range(p + 1, len(rows)):
            lower = rows[q]
            for i in range(n):
                a, b = upper[i], lower[i]
                upper[i] = a if a < b else b
                lower[i] = b if a < b else a


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def one_by_one(x: Float32, stop: int, hampel: Hampel, ordered: Float64, measured: Bool, places: Int) -> None:
    """Judge the first `stop` of a segment's known values, whose windows may be short."""
    w, count = hampel.window, 0
    for i in range(stop):
        value = np.float64(x[i])
        if count == w:
            remove(ordered, count, np.float64(x[i - w]))
            count -= 1
        insert(ordered, count, value)
        count += 1
        if count < w // 2 + 1:
            continue
        middle = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
        spread = MAD_TO_SD * middle_distance(ordered, count, middle)
        if abs(value - middle) > hampel.sigmas * max(spread, hampel.least):
            measured[places[i]] = False


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def insert(ordered: NDArray[np.float64], count: int, x: float) -> None:
    """Put x into the first `count` ascending values."""
    i = count
    while i > 0 and ordered[i - 1] > x:
        ordered[i] = ordered[i - 1]
        i -= 1
    ordered[i] = x


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def remove(ordered: NDArray[np.float64], count: int, x: float) -> None:
    """Take one x out of the first `count` ascending values."""
    i = 0
    while ordered[i] != x:
        i += 1
    while i < count - 1:
        ordered[i] = ordered[i + 1]
        i += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def middle_distance(ordered: NDArray[np.float64], count: int, middle: float) -> Any:
    """Median of |value - middle| of ascending values: walks outwards from the middle, nearest first."""
    right = (count - 1) // 2 + 1
    left = right - 1
    low = high = 0.0
    for taken in range(count // 2 + 1):
        if right >= count or (left >= 0 and abs(ordered[left] - middle) <= abs(ordered[right] - middle)):
            distance = abs(ordered[left] - middle)
            left -= 1
        else:
            distance = abs(ordered[right] - middle)
            right += 1
        if taken == (count - 1) // 2:
            low = distance
        high = distance
    return 0.5 * (low + high)
