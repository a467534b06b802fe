"""Features of the last rows as they lie there: shape statistics, lags and spectra, from one ring of rows.

`shape` and `spectrum` are the definitions, over rows (w, S), oldest first, NaN where nothing is known; the batch form
in `pipelines.features.shape_kernels` adds up the same rows in the same order, and uses `spectrum` itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.layout import Block

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


class RecentRows:
    """The last `most` rows of S signals since the segment began, in memory that does not grow."""

    def __init__(self, most: int, count: int) -> None:
        self._most = most
        self._values = np.empty((2 * most, count))  # each row stands twice, so that the newest ones lie together
        self._measured = np.empty((2 * most, count), dtype=np.bool_)
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._values.fill(np.nan)
        self.rows, self._at = 0, 0

    def push(self, values: Float, measured: Bool) -> None:
        """Take one row (S,)."""
        for place in (self._at, self._at + self._most):
            self._values[place], self._measured[place] = values, measured
        self._at = (self._at + 1) % self._most
        self.rows += 1

    def last(self, count: int) -> Float:
        """(count, S) the newest rows, oldest first; NaN before the segment began."""
        end = self._at + self._most
        return self._values[end - count : end]

    def missing(self, count: int) -> Float:
        """(S,) how many of the newest `count` rows were not measured."""
        end = self._at + self._most
        rows = min(count, self.rows)
        missing: Float = rows - self._measured[end - rows : end].sum(axis=0, dtype=np.float64)
        return missing

    def feature(self, block: Block) -> Float:
        """A block of kind shape, lag or spectral, a value a signal."""
        if block.kind == "lag":
            oldest: Float = self.last(block.rows + 1)[0]
            return oldest
        if block.kind == "spectral":
            if self.rows < block.rows:
                return np.full(self._values.shape[1], np.nan)
            return spectrum(np.ascontiguousarray(self.last(block.rows).T), block)
        return self.missing(block.rows) if block.what == "missing" else shape(self.last(block.rows), block.what)


def shape(rows: Float, stat: str) -> Float:
    """(S,) one statistic of rows (w, S); NaN where no value is known, or the statistic has no meaning."""
    known = rows == rows
    count = known.sum(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        if stat.startswith("q"):
            return quantile(rows, count, int(stat[1:]) / 100)
        x = np.where(known, rows, 0.0)
        if stat in ("rms", "crest"):
            rms: Float = np.sqrt((x * x).sum(axis=0) / count)
            return rms if stat == "rms" else np.abs(x).max(axis=0) / np.where(rms > 0, rms, np.nan)
        away = np.where(known, rows - x.sum(axis=0) / count, 0.0)
        if stat == "crossings":
            return np.where(count > 0, crossings(away, known), np.nan)
        squares = away * away
        spread = squares.sum(axis=0) / count
        kurtosis: Float = ((squares * squares).sum(axis=0) / count) / np.where(spread > 0, spread * spread, np.nan)
        return kurtosis


def quantile(rows: Float, count: Float, share: float) -> Float:
    """(S,) the value below which a share of the known ones lies, linear between neighbours."""
    ordered = np.sort(rows, axis=0)  # NaN last
    place = share * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0).astype(np.int64))
    signal = np.arange(rows.shape[1])
    below, above = ordered[low, signal], ordered[high, signal]
    found: Float = below + (place - low) * (above - below)
    return found


def crossings(away: Float, known: Bool) -> Float:
    """(S,) how often neighbouring known values lie on two sides of 0, which counts as above."""
    place = np.where(known, np.arange(len(away))[:, None], 0)
    newest = np.maximum.accumulate(place, axis=0)  # of the rows so far, the last known one
    above = np.take_along_axis(away >= 0, newest, axis=0)
    heard = np.cumsum(known, axis=0) > 1
    changes = known[1:] & heard[1:] & (above[1:] != above[:-1])
    found: Float = changes.sum(axis=0, dtype=np.float64)
    return found


def spectrum(windows: Float, block: Block) -> Float:
    """(n,) the band or kurtosis that a block asks for of n whole windows (n, w), Hann-tapered, their mean taken off.

    Missing values count as the mean; NaN where fewer than half are known. Band: power from band[0] up to band[1], that
    of 0.5 included; all bands together are the variance of the tapered window. Kurtosis: of the frequencies, weighted
    by their power.
    """
    known = windows == windows
    count = known.sum(axis=1, dtype=np.float64)
    rows = windows.shape[1]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(rows) + 0.5) / rows)
    frequency = np.arange(rows // 2 + 1) / rows
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, windows, 0.0).sum(axis=1) / np.where(2 * count >= rows, count, np.nan)
        away = np.where(known, windows - mean[:, None], 0.0 * mean[:, None]) * taper
        power = np.abs(np.fft.rfft(away, axis=1)) ** 2 * (2.0 / (rows * (taper * taper).sum()))
        power[:, 0] *= 0.5
        if rows % 2 == 0:
            power[:, -1] *= 0.5
        return _of_power(power, frequency, block)


def _of_power(power: Float, frequency: Float, block: Block) -> Float:
    if block.what == "band":
        low, high = block.band
        within = (frequency >= low) & ((frequency < high) | (high >= 0.5))
        energy: Float = power[:, within].sum(axis=1)
        return energy
    total = power.sum(axis=1)
    weight = power / np.where(total > 0, total, np.nan)[:, None]
    away = frequency - (weight * frequency).sum(axis=1)[:, None]
    spread = (weight * away**2).sum(axis=1)
    kurtosis: Float = (weight * away**4).sum(axis=1) / np.where(spread > 0, spread * spread, np.nan)
    return kurtosis
