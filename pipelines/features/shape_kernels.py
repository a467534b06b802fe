"""Shape statistics over history, compiled: what `fleetloop_edge.shape` says of the last rows, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.compiled import compiled

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

SHAPES = ("rms", "crest", "kurtosis", "crossings")


@compiled  # type: ignore[untyped-decorator]
def shapes(values: Float32, starts: Int, w: int, stat: int, signals: Int, out: Float32) -> None:
    """One of SHAPES of the last w rows; signals: (k,) which ones; out: (k, n)."""
    for i in range(len(signals)):
        for segment in range(len(starts) - 1):
            first, end = starts[segment], starts[segment + 1]
            x, into = values[signals[i], first:end], out[i, first:end]
            for row in range(len(x)):
                window = x[max(0, row - w + 1) : row + 1]
                if stat < 2:
                    into[row] = loudness(window, stat == 1)
                elif stat == 2:
                    into[row] = kurtosis(window)
                else:
                    into[row] = crossings(window)


@compiled  # type: ignore[untyped-decorator]
def loudness(window: Float32, crest: bool) -> Any:
    """Root mean square, or how many times as large the largest value is."""
    count, squares, largest = 0.0, 0.0, 0.0
    for i in range(len(window)):
        x = np.float64(window[i])
        if x == x:
            count += 1.0
            squares += x * x
            largest = max(largest, abs(x))
    if count == 0:
        return np.nan
    rms = np.sqrt(squares / count)
    if crest:
        return largest / rms if rms > 0 else np.nan
    return rms


@compiled  # type: ignore[untyped-decorator]
def mean_of(window: Float32) -> Any:
    """Mean of the known values; NaN of none."""
    count, total = 0.0, 0.0
    for i in range(len(window)):
        x = np.float64(window[i])
        if x == x:
            count += 1.0
            total += x
    return total / count


@compiled  # type: ignore[untyped-decorator]
def kurtosis(window: Float32) -> Any:
    """Fourth moment about the mean, in squares of the second."""
    mean = mean_of(window)
    count, second, fourth = 0.0, 0.0, 0.0
    for i in range(len(window)):
        away = np.float64(window[i]) - mean
        if away == away:
            count += 1.0
            second += away * away
            fourth += (away * away) * (away * away)
    spread = second / count
    return (fourth / count) / (spread * spread) if spread > 0 else np.nan


@compiled  # type: ignore[untyped-decorator]
def crossings(window: Float32) -> Any:
    """How often neighbouring known values lie on two sides of the mean."""
    mean = mean_of(window)
    found, above, heard = 0.0, False, False
    for i in range(len(window)):
        away = np.float64(window[i]) - mean
        if away == away:
            if heard and (away >= 0) != above:
                found += 1.0
            above, heard = away >= 0, True
    return found if heard else np.nan


@compiled  # type: ignore[untyped-decorator]
def quantiles(values: Float32, starts: Int, w: int, share: float, signals: Int, out: Float32) -> None:
    """Quantile of the last w rows' known values, kept in order as they come and go."""
    ordered = np.empty(w)
    for i in range(len(signals)):
        for segment in range(len(starts) - 1):
            first, end = starts[segment], starts[segment + 1]
            x, into = values[signals[i], first:end], out[i, first:end]
            count = 0
            for row in range(len(x)):
                if row >= w and x[row - w] == x[row - w]:
                    take_out(ordered, count, np.float64(x[row - w]))
                    count -= 1
                if x[row] == x[row]:
                    put_in(ordered, count, np.float64(x[row]))
                    count += 1
                into[row] = quantile(ordered, count, share)


@compiled  # type: ignore[untyped-decorator]
def quantile(ordered: Float64, count: int, share: float) -> Any:
    """Of `count` ascending values, linear between neighbours."""
    if count == 0:
        return np.nan
    place = share * (count - 1)
    low = int(np.floor(place))
    below, above = ordered[low], ordered[min(low + 1, count - 1)]
    return below + (place - low) * (above - below)


@compiled  # type: ignore[untyped-decorator]
def put_in(ordered: Float64, count: int, x: float) -> None:
    """Insert x into the first `count` ascending values."""
    at = np.searchsorted(ordered[:count], x)
    for i in range(count, at, -1):
        ordered[i] = ordered[i - 1]
    ordered[at] = x


@compiled  # type: ignore[untyped-decorator]
def take_out(ordered: Float64, count: int, x: float) -> None:
    """Remove one x from the first `count` ascending values."""
    for i in range(np.searchsorted(ordered[:count], x), count - 1):
        ordered[i] = ordered[i + 1]


@compiled  # type: ignore[untyped-decorator]
def missing(measured: Bool, starts: Int, w: int, signals: Int, out: Float32) -> None:
    """How many of the last w rows were not measured; measured: (S, n)."""
    for i in range(len(signals)):
        for segment in range(len(starts) - 1):
            first, end = starts[segment], starts[segment + 1]
            seen, into = measured[signals[i], first:end], out[i, first:end]
            silent = 0
            for row in range(len(seen)):
                silent += not seen[row]
                if row >= w:
                    silent -= not seen[row - w]
                into[row] = silent


@compiled  # type: ignore[untyped-decorator]
def lags(values: Float32, starts: Int, back: int, signals: Int, out: Float32) -> None:
    """The value `back` rows before; NaN before the segment began."""
    for i in range(len(signals)):
        for segment in range(len(starts) - 1):
            first, end = starts[segment], starts[segment + 1]
            at = min(first + back, end)
            out[i, first:at] = np.nan
            out[i, at:end] = values[signals[i], first : end - (at - first)]
