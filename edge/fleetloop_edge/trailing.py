"""Statistics over trailing windows of rows, exact at any length of history and in fixed memory.

Rows are cut into blocks of w rows. A window of w rows is the newer block's rows so far (its head) plus the tail of the
block before, each summed from one of its own values; put together they are measured from the head's. Nothing is ever
subtracted from a running sum: no rounding builds up, an outlier leaves no trace once it has left the window, and
nothing depends on what lies outside the window.

The batch form in `pipelines.features.trailing_kernels` does the same float64 operations in the same order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.layout import Block, blocks
from fleetloop_edge.spec import FeatureSpec

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

COUNT, PLACES, PLACES2, SUM, SQUARES, PRODUCTS = range(6)
"""Of the values of a part: how many; sum of their places (rows since the newer block began) and of these squared; sum
of their distances from the part's centre, of these squared, and of place x distance."""
SUMS = 6
_OF_SUMS: frozenset[str] = frozenset(("mean", "delta", "deviation", "std", "slope"))
_OF_EXTREMES: frozenset[str] = frozenset(("min", "max", "range"))


def core_blocks(spec: FeatureSpec) -> tuple[Block, ...]:
    """The features that are kept up here, in their order."""
    return tuple(block for block in blocks(spec) if block.kind == "core")


class TrailingState:
    """Trailing statistics of S signals over W windows. A NaN counts as no value, but takes a row's place."""

    def __init__(self, spec: FeatureSpec) -> None:
        wanted = core_blocks(spec)
        stats = frozenset(block.what for block in wanted)
        self._lengths = tuple(sorted({block.rows for block in wanted}))
        count = len(spec.signals)
        self._sums = _Sums(self._lengths, count, stats) if stats & _OF_SUMS else None
        self._extremes = _Extremes(self._lengths, count) if stats & _OF_EXTREMES else None
        self._of = [(b.what, self._lengths.index(b.rows), _chosen(b.signals, count), b.columns) for b in wanted]
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._places = [-1] * len(self._lengths)
        for part in (self._sums, self._extremes):
            if part is not None:
                part.reset()

    def push(self, values: Float32, deviation: Callable[[Float], Float], out: Float32) -> None:
        """Take one row (S,); write the statistics of the windows that end with it to their columns of out (F,).

        deviation: takes the device's own baseline off values (S,).
        """
        places = self._places
        for window, length in enumerate(self._lengths):
            place = places[window] + 1
            places[window] = place if place < length else 0
        found: dict[str, Float | Float32] = {}
        if self._sums is not None:
            found |= self._sums.push(values.astype(np.float64), places)
        if self._extremes is not None:
            found |= self._extremes.push(values, places)
        for stat, window, signals, columns in self._of:
            value = found[stat][window]
            if stat == "deviation":
                value = deviation(value.astype(np.float64, copy=False))
            out[columns] = value[signals]


def _chosen(signals: tuple[int, ...], count: int) -> slice | list[int]:
    return slice(None) if signals == tuple(range(count)) else list(signals)


class _Sums:
    """Mean, delta, standard deviation and slope, from the sums of both parts of each window.

    Arrays are made once, and one call works on all windows and signals: on a device numpy's calls are what costs.
    """

    def __init__(self, lengths: tuple[int, ...], count: int, wanted: frozenset[str]) -> None:
        self._lengths, self._wanted = lengths, wanted
        shape = (len(lengths), count)
        self._first = np.cumsum([0, *[w + 1 for w in lengths]])[:-1].tolist()  # of each one's share of the rows
        self._block = np.empty((sum(lengths) + len(lengths), count))
        self._tails = np.empty((sum(lengths) + len(lengths), SUMS, count))
        self._head, self._terms, self._tail = (np.empty((SUMS, *shape)) for _ in range(3))
        self._tail_centre, self._centre = np.empty(shape), np.empty(shape)
        self._silent = np.empty(shape, dtype=np.bool_)  # no value since the block began
        self._places = np.empty((len(lengths), 1))
        self._apart, self._shift, self._mean, self._delta, self._spread, self._slope, self._spare = (
            np.empty(shape) for _ in range(7)
        )

    def reset(self) -> None:
        self._tails.fill(0.0)
        self._tail_centre.fill(0.0)

    def push(self, x: Float, places: list[int]) -> dict[str, Float]:
        """The wanted statistics, (W, S) each, after row x (S,) at its place in each window's block."""
        for window, place in enumerate(places):
            self._places[window, 0] = place
            if place == 0:
                self._head[:, window] = 0.0
                self._centre[window] = self._tail_centre[window]
                self._silent[window] = True
            row = self._first[window] + place
            self._block[row] = x
            self._tail[:, window] = self._tails[row + 1]
        self._grow(x)
        with np.errstate(invalid="ignore", divide="ignore"):  # of no value, of one: NaN
            found = self._statistics(x)
        for window, place in enumerate(places):
            if place == self._lengths[window] - 1:
                self._cut(window)
        return found

    def _grow(self, x: Float) -> None:
        """Add row x to each head; the head's first value becomes its centre."""
        terms, place, known = self._terms, self._places, x == x
        begins = self._silent & known
        if begins.any():
            np.copyto(self._centre, x, where=begins)
            self._silent &= ~known
        terms[COUNT] = known
        np.multiply(place, terms[COUNT], out=terms[PLACES])
        np.multiply(place, terms[PLACES], out=terms[PLACES2])
        away = np.subtract(x, self._centre, out=terms[SUM])
        if not known.all():
            away[:, ~known] = 0.0
        np.multiply(away, away, out=terms[SQUARES])
        np.multiply(place, away, out=terms[PRODUCTS])
        self._head += terms

    def _statistics(self, last: Float) -> dict[str, Float]:
        head, tail, spare = self._head, self._tail, self._spare
        apart = np.subtract(self._tail_centre, self._centre, out=self._apart)
        shift = np.multiply(tail[COUNT], apart, out=self._shift)
        both = np.add(head, tail, out=self._terms)
        count, places, places2, total = both[COUNT], both[PLACES], both[PLACES2], both[SUM]
        np.add(tail[SUM], shift, out=total)
        total += head[SUM]
        part = np.divide(1.0, count, out=both[PRODUCTS])
        mean = np.multiply(total, part, out=self._mean)
        mean += self._centre
        found: dict[str, Float] = {"mean": mean, "deviation": mean}  # FeatureState's life takes the baseline off
        if "delta" in self._wanted:
            found["delta"] = np.subtract(last, mean, out=self._delta)
        if "std" in self._wanted:
            squares = np.multiply(2.0, tail[SUM], out=self._spread)
            squares += shift
            squares *= apart
            squares += tail[SQUARES]
            squares += head[SQUARES]
            np.multiply(total, total, out=spare)
            spare *= part
            squares -= spare
            squares *= part
            np.maximum(squares, 0.0, out=squares)
            found["std"] = np.sqrt(squares, out=squares)
        if "slope" in self._wanted:
            products = np.multiply(tail[PLACES], apart, out=self._slope)
            products += tail[PRODUCTS]
            products += head[PRODUCTS]
            products *= count
            np.multiply(places, total, out=spare)
            products -= spare
            run = np.multiply(count, places2, out=spare)
            run -= np.multiply(places, places, out=part)
            found["slope"] = np.divide(products, run, out=products)
        return found

    def _cut(self, window: int) -> None:
        """Once a block is full: the sums of each of its tails, from its newest value backwards, places from -1 down."""
        first, length = self._first[window], self._lengths[window]
        x = self._block[first : first + length][::-1]
        known = x == x
        newest = x[np.argmax(known, axis=0), np.arange(x.shape[1])]
        centre = np.where(known.any(axis=0), newest, 0.0)
        away = np.where(known, x - centre, 0.0)
        place = -np.arange(1.0, length + 1.0)[:, None]
        placed = place * known
        tails = self._tails[first : first + length][::-1]
        for index, term in enumerate((known, placed, place * placed, away, away * away, place * away)):
            np.cumsum(term, axis=0, dtype=np.float64, out=tails[:, index])
        self._tail_centre[window] = centre


class _Extremes:
    """Smallest and largest value, from those of both parts of each window. Source: van Herk, 1992."""

    def __init__(self, lengths: tuple[int, ...], count: int) -> None:
        self._lengths = lengths
        self._first = np.cumsum([0, *[w + 1 for w in lengths]])[:-1].tolist()
        self._tails = np.empty((sum(lengths) + len(lengths), 2, count), dtype=np.float32)  # of values and of -values
        self._block = np.empty_like(self._tails)
        self._head = np.empty((len(lengths), 2, count), dtype=np.float32)
        self._row = np.empty((2, count), dtype=np.float32)
        self._found = np.empty_like(self._head)

    def reset(self) -> None:
        self._tails.fill(np.inf)

    def push(self, values: Float32, places: list[int]) -> dict[str, Float32]:
        """min, max and range, (W, S) each."""
        row, found = self._row, self._found
        row[0] = values
        np.negative(values, out=row[1])
        np.fmin(row, np.float32(np.inf), out=row)  # a missing value is none of the smallest
        for window, place in enumerate(places):
            if place == 0:
                self._head[window] = np.inf
            at = self._first[window] + place
            self._block[at] = row
            found[window] = self._tails[at + 1]
        np.minimum(self._head, row, out=self._head)
        np.minimum(self._head, found, out=found)
        for window, place in enumerate(places):
            if place == self._lengths[window] - 1:
                whole = slice(self._first[window], self._first[window] + self._lengths[window])
                np.minimum.accumulate(self._block[whole][::-1], axis=0, out=self._tails[whole][::-1])
        nothing = found == np.inf
        if nothing.any():
            found[nothing] = np.nan
        least, most = found[:, 0], -found[:, 1]
        return {"min": least, "max": most, "range": most - least}
