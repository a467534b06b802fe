"""Statistics over trailing windows of rows, exact at any length of history and in fixed memory.

Rows are cut into blocks of w rows. A window of w rows is the newer block's rows so far plus the tail of the block
before, so its statistics are those of two parts, each summed from its own centre, put together. Nothing is ever
subtracted from a running sum: no rounding builds up, an outlier leaves no trace once it has left the window, and
since a part's centre is one of its own values, nothing depends on what lies outside the window.

The batch form in `pipelines.features.kernels` does the same float64 operations in the same order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.spec import FeatureSpec, Statistic

Float = NDArray[np.float64]

COUNT, CENTRE, SUM, SQUARES, PLACES, PLACES2, PRODUCTS, LOW, HIGH = range(9)
"""Of the values of a part: how many, what they are measured from, sum and sum of squares from there; of their places
(rows since the block began) sum and sum of squares; sum of place x value; smallest and largest value."""
SUMS = 9
EMPTY = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, np.inf, -np.inf)


def windows(spec: FeatureSpec) -> tuple[int, ...]:
    """The different window lengths (rows), ascending."""
    return tuple(sorted({rows for trailing in spec.trailing for rows in trailing.windows}))


def statistics(spec: FeatureSpec) -> tuple[tuple[int, Statistic], ...]:
    """The different (window, statistic) pairs, in the order in which the spec names them."""
    pairs = [(rows, stat) for trailing in spec.trailing for rows in trailing.windows for stat in trailing.stats]
    return tuple(dict.fromkeys(pairs))


class TrailingState:
    """Trailing statistics of C channels over W windows. A NaN counts as no value, but takes a row's place."""

    def __init__(self, spec: FeatureSpec) -> None:
        lengths, pairs = windows(spec), statistics(spec)
        count, rows = len(spec.channels), sum(lengths)
        self._lengths = np.array(lengths, dtype=np.int64)
        self._first = np.cumsum([0, *[w + 1 for w in lengths]])[:-1]  # of each window's part of the rings below
        self._window = np.array([lengths.index(w) for w, _ in pairs], dtype=np.int64)
        self._stats = tuple(stat for _, stat in pairs)
        self._block = np.empty((rows + len(lengths), count))
        self._tails = np.empty((SUMS, rows + len(lengths), count))
        self._head = np.empty((SUMS, len(lengths), count))
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._row = 0
        self._tails[...] = np.array(EMPTY)[:, None, None]

    def push(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take one row (C,); the (pairs, C) statistics of the windows that end with it, in order of `statistics`."""
        if not self._stats:
            return np.empty((0, len(values)), dtype=np.float32)
        x = values.astype(np.float64)
        place = self._row % self._lengths
        self._head[:, place == 0] = np.array(EMPTY)[:, None, None]
        self._grow(x, place[:, None].astype(np.float64))
        found = combine(self._head, self._tails[:, self._first + place + 1], self._lengths[:, None], x)
        self._block[self._first + place] = x
        for window in np.flatnonzero(place == self._lengths - 1):
            self._cut(int(self._first[window]), int(self._lengths[window]))
        self._row += 1
        return np.stack([found[s][w] for s, w in zip(self._stats, self._window, strict=True)]).astype(np.float32)

    def _grow(self, x: Float, place: Float) -> None:
        """Add row x (C,) at its place (W, 1) to the newer part."""
        head, valid = self._head, np.isfinite(x)
        head[CENTRE] = np.where(valid & (head[COUNT] == 0), x, head[CENTRE])
        away = np.where(valid, x - head[CENTRE], 0.0)
        head[COUNT] += valid
        head[SUM] += away
        head[SQUARES] += away * away
        head[PLACES] += place * valid
        head[PLACES2] += place * place * valid
        head[PRODUCTS] += place * away
        head[LOW] = np.fmin(head[LOW], x)
        head[HIGH] = np.fmax(head[HIGH], x)

    def _cut(self, first: int, length: int) -> None:
        """Once a block is full: the sums of each of its tails, from its newest value backwards."""
        x = self._block[first : first + length][::-1]
        valid = np.isfinite(x)
        newest = x[np.argmax(valid, axis=0), np.arange(x.shape[1])]
        centre = np.where(valid.any(axis=0), newest, 0.0)
        away = np.where(valid, x - centre, 0.0)
        place = np.arange(length - 1.0, -1.0, -1.0)[:, None]
        tails = self._tails[:, first : first + length][:, ::-1]
        tails[CENTRE] = centre
        for index, term in (
            (COUNT, valid),
            (SUM, away),
            (SQUARES, away * away),
            (PLACES, place * valid),
            (PLACES2, place * place * valid),
            (PRODUCTS, place * away),
        ):
            np.cumsum(term, axis=0, dtype=np.float64, out=tails[index])
        np.minimum.accumulate(np.where(valid, x, np.inf), axis=0, out=tails[LOW])
        np.maximum.accumulate(np.where(valid, x, -np.inf), axis=0, out=tails[HIGH])


def combine(head: Float, tail: Float, length: NDArray[np.int64], last: Float) -> dict[str, Float]:
    """Every statistic of windows made of a newer and an older part: sums (9, W, C) → (W, C) each; NaN where unknown.

    length: (W, 1) rows of the window. last: (C,) the newest row.
    """
    head_count, tail_count = np.maximum(head[COUNT], 1.0), np.maximum(tail[COUNT], 1.0)
    count = head[COUNT] + tail[COUNT]
    share = tail[COUNT] / np.maximum(count, 1.0)
    weight = head[COUNT] * share
    head_mean, tail_mean = head[SUM] / head_count, tail[SUM] / tail_count
    head_centre = np.where(head[COUNT] > 0, head[CENTRE], tail[CENTRE])
    tail_centre = np.where(tail[COUNT] > 0, tail[CENTRE], head[CENTRE])
    apart = (tail_centre - head_centre) + (tail_mean - head_mean)
    mean = head_centre + (head_mean + apart * share)
    squares = (head[SQUARES] - head[SUM] * head_mean) + (tail[SQUARES] - tail[SUM] * tail_mean)
    squares += apart * apart * weight
    std = np.sqrt(np.maximum(squares / np.maximum(count, 1.0), 0.0))

    head_place, tail_place = head[PLACES] / head_count, tail[PLACES] / tail_count
    ago = (tail_place - head_place) - length
    rise = (head[PRODUCTS] - head_place * head[SUM]) + (tail[PRODUCTS] - tail_place * tail[SUM]) + ago * apart * weight
    run = (head[PLACES2] - head_place * head[PLACES]) + (tail[PLACES2] - tail_place * tail[PLACES]) + ago * ago * weight
    slope = rise / np.where(count > 1, run, 1.0)

    low, high = np.minimum(head[LOW], tail[LOW]), np.maximum(head[HIGH], tail[HIGH])
    known = {"mean": mean, "std": std, "min": low, "max": high, "range": high - low, "delta": last - mean}
    found = {stat: np.where(count > 0, values, np.nan) for stat, values in known.items()}
    return found | {"slope": np.where(count > 1, slope, np.nan)}
