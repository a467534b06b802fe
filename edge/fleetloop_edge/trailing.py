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

COUNT, SUM, PLACES, SQUARES, PLACES2, PRODUCTS, CENTRE, LOW, HIGH = range(9)
"""Of the values of a part: how many; sum of their distances from the centre, of their places (rows since the block
began), of the squares of both and of distance x place; what they are measured from; smallest and largest value."""
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
        self._pairs = statistics(spec)
        self._wanted = frozenset(stat for _, stat in self._pairs)
        self._lengths = windows(spec)
        self._of = tuple((stat, self._lengths.index(rows)) for rows, stat in self._pairs)
        count, wide = len(spec.signals), len(self._lengths)
        self._first = np.cumsum([0, *[w + 1 for w in self._lengths]])[:-1]  # of each window's share of the rings below
        self._block = np.empty((sum(self._lengths) + wide, count))
        self._tails = np.empty((SUMS, sum(self._lengths) + wide, count))
        self._parts = np.empty((SUMS, 2, wide, count))  # the newer part of each window, and the older
        self._terms = np.empty((CENTRE, wide, count))
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._row = 0
        self._tails[...] = np.array(EMPTY)[:, None, None]

    def push(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take one row (C,); the (pairs, C) statistics of the windows that end with it, in order of `statistics`."""
        out = np.empty((len(self._pairs), len(values)), dtype=np.float32)
        if not self._pairs:
            return out
        x = values.astype(np.float64)
        places = [self._row % length for length in self._lengths]
        for window, place in enumerate(places):
            if place == 0:
                self._parts[:, 0, window] = np.array(EMPTY)[:, None]
        self._grow(x, np.array(places, dtype=np.float64)[:, None])
        rows = self._first + places
        self._parts[:, 1] = self._tails[:, rows + 1]
        found = combine(self._parts, np.array(self._lengths)[:, None], x, self._wanted)
        for i, (stat, window) in enumerate(self._of):
            out[i] = found[stat][window]
        self._block[rows] = x
        for window, place in enumerate(places):
            if place == self._lengths[window] - 1:
                self._cut(int(self._first[window]), self._lengths[window])
        self._row += 1
        return out

    def _grow(self, x: Float, place: Float) -> None:
        """Add row x (C,) at its place (W, 1) to the newer part."""
        head, terms, valid = self._parts[:, 0], self._terms, np.isfinite(x)
        np.copyto(head[CENTRE], x, where=valid & (head[COUNT] == 0))
        terms[COUNT] = valid
        np.subtract(x, head[CENTRE], out=terms[SUM])
        terms[SUM][:, ~valid] = 0.0
        np.multiply(place, valid, out=terms[PLACES])
        np.multiply(terms[SUM], terms[SUM], out=terms[SQUARES])
        np.multiply(place, terms[PLACES], out=terms[PLACES2])
        np.multiply(place, terms[SUM], out=terms[PRODUCTS])
        head[:CENTRE] += terms
        np.fmin(head[LOW], x, out=head[LOW])
        np.fmax(head[HIGH], x, out=head[HIGH])

    def _cut(self, first: int, length: int) -> None:
        """Once a block is full: the sums of each of its tails, from its newest value backwards."""
        x = self._block[first : first + length][::-1]
        valid = np.isfinite(x)
        newest = x[np.argmax(valid, axis=0), np.arange(x.shape[1])]
        centre = np.where(valid.any(axis=0), newest, 0.0)
        away = np.where(valid, x - centre, 0.0)
        place = np.arange(length - 1.0, -1.0, -1.0)[:, None] * valid
        tails = self._tails[:, first : first + length][:, ::-1]
        tails[CENTRE] = centre
        terms = (valid, away, place, away * away, place * place, place * away)  # COUNT … PRODUCTS
        for index, term in enumerate(terms):
            np.cumsum(term, axis=0, dtype=np.float64, out=tails[index])
        np.minimum.accumulate(np.where(valid, x, np.inf), axis=0, out=tails[LOW])
        np.maximum.accumulate(np.where(valid, x, -np.inf), axis=0, out=tails[HIGH])


def combine(parts: Float, length: NDArray[np.int64], last: Float, wanted: frozenset[Statistic]) -> dict[str, Float]:
    """The wanted statistics, (W, C) each, of windows made of two parts; NaN where unknown.

    parts: (9, 2, W, C) sums of the newer and of the older part. length: (W, 1) rows. last: (C,) the newest row.
    """
    counts = parts[COUNT]
    count = counts[0] + counts[1]
    some, ones = np.maximum(counts, 1.0), np.maximum(count, 1.0)
    share = counts[1] / ones
    weight = counts[0] * share
    means = parts[SUM] / some
    new, old = np.where(counts > 0, parts[CENTRE], parts[CENTRE, ::-1])  # an empty part takes the other's centre
    apart = (old - new) + (means[1] - means[0])
    found: dict[str, Float] = {}
    if not wanted.isdisjoint(_OF_MEAN):
        found["mean"] = new + (means[0] + apart * share)
        found["delta"] = last - found["mean"]
        found["deviation"] = found["mean"]  # the baseline lasts longer than a window: FeatureState takes it off
    if "std" in wanted:
        within = parts[SQUARES] - parts[SUM] * means
        squares = (within[0] + within[1]) + apart * apart * weight
        found["std"] = np.sqrt(np.maximum(squares / ones, 0.0))
    if not wanted.isdisjoint(_OF_EXTREMES):
        found["min"], found["max"] = np.minimum(*parts[LOW]), np.maximum(*parts[HIGH])
        found["range"] = found["max"] - found["min"]
    if "slope" in wanted:
        found["slope"] = _slope(parts, parts[PLACES] / some, length, apart, weight)
    if count.min() < 2:
        found = {stat: np.where(count > (stat == "slope"), values, np.nan) for stat, values in found.items()}
    return found


_OF_MEAN = frozenset(("mean", "delta", "deviation"))
_OF_EXTREMES = frozenset(("min", "max", "range"))


def _slope(parts: Float, places: Float, length: NDArray[np.int64], apart: Float, weight: Float) -> Float:
    """Least squares of value on row; without meaning below two values. places: (2, W, C) mean places of the parts."""
    ago = (places[1] - places[0]) - length
    rises = parts[PRODUCTS] - places * parts[SUM]
    runs = parts[PLACES2] - places * parts[PLACES]
    rise, run = (rises[0] + rises[1]) + ago * apart * weight, (runs[0] + runs[1]) + ago * ago * weight
    slope: Float = rise / np.where(run > 0, run, 1.0)
    return slope
