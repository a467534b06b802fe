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
TWICE = SUMS
"""Field of tails alone: twice SUM."""
MADE = ("mean", "std", "slope", "delta", "deviation", "min", "max", "range")
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
        self._rows = np.empty((max(self._lengths, default=1), count))  # the newest ones
        self._at = 0
        self._made = np.empty((len(MADE), len(self._lengths), count))
        self._sums = _Sums(self._lengths, self._made, stats) if stats & _OF_SUMS else None
        self._extremes = _Extremes(self._lengths, self._made, stats) if stats & _OF_EXTREMES else None
        self._deviation = "deviation" in stats
        places = np.arange(self._made.size).reshape(self._made.shape)
        self._from = _joined([places[MADE.index(b.what), self._lengths.index(b.rows), list(b.signals)] for b in wanted])
        self._columns = _columns(_joined([np.arange(b.columns.start, b.columns.stop) for b in wanted]))
        self._flat, self._wanted = self._made.reshape(-1), np.empty(len(self._from))
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._places = [-1] * len(self._lengths)
        self._at = 0
        for part in (self._sums, self._extremes):
            if part is not None:
                part.reset()

    def push(self, x: Float, deviation: Callable[[Float], Float], out: Float32) -> None:
        """Take one row (S,) of float32 values; write the statistics of the windows that end with it to out (F,).

        deviation: takes the device's own baseline off values (S,).
        """
        places, lengths, product = self._places, self._lengths, x.dot(x)
        if not places:
            return
        whole = bool(product == product)  # nothing is missing: the cheapest way to know
        self._rows[self._at] = x
        self._at = self._at + 1 if self._at + 1 < lengths[-1] else 0
        full = []
        for window, length in enumerate(lengths):
            place = places[window] + 1
            places[window] = place = place if place < length else 0
            if place == length - 1:
                full.append(window)
        for part in (self._sums, self._extremes):
            if part is not None:
                part.push(x, places, whole)
                for window in full:
                    part.cut(window, self._last(lengths[window]))
        if self._deviation:
            self._made[MADE.index("deviation")] = deviation(self._made[MADE.index("mean")])
        out[self._columns] = self._flat.take(self._from, out=self._wanted, mode="clip")

    def _last(self, count: int) -> Float:
        """(count, S) the newest rows, newest first."""
        rows = self._rows[: self._at][::-1]
        if len(rows) < count:
            rows = np.concatenate((rows, self._rows[self._at :][::-1]))
        return rows[:count]


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _columns(places: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """The places as a slice, where they stand together."""
    together = len(places) > 0 and bool((np.diff(places) == 1).all())
    return slice(int(places[0]), int(places[-1]) + 1) if together else places


def _starts(lengths: tuple[int, ...]) -> list[int]:
    """Where each window's share of the tails begins: a row for each of its own, and one for none."""
    found: list[int] = np.cumsum([0, *[w + 1 for w in lengths]])[:-1].tolist()
    return found


class _Sums:
    """Mean, delta, standard deviation and slope, from the sums of both parts of each window.

    On a device numpy's calls are what costs. One call works on all windows and signals; arrays and views of them are
    made once; its operands are of one shape and lie in one piece, as broadcasting takes three times as long.
    """

    def __init__(self, lengths: tuple[int, ...], made: Float, wanted: frozenset[str]) -> None:
        shape = made.shape[1:]
        self._wants_std, self._wants_slope, self._wants_delta = (s in wanted for s in ("std", "slope", "delta"))
        self._first = _starts(lengths)
        self._tails = np.empty((sum(lengths) + len(lengths), SUMS + 1, shape[1]))
        self._tail_centre, self._centre = np.empty(shape), np.empty(shape)
        self._silent = np.empty(shape, dtype=np.bool_)  # no value since the block began
        self._some_silent = True
        self._powers = np.ones((PLACES2 + 1, *shape))  # of each window's place: 0, 1 and 2
        self._head, self._terms, self._both = (np.empty((SUMS, *shape)) for _ in range(3))
        self._tail, self._moved = np.empty((SUMS + 1, *shape)), np.empty((3, *shape))
        self._last, self._apart, self._part, self._spare = (np.empty(shape) for _ in range(4))
        self._one, self._zero = np.ones(shape), np.zeros(shape)
        self._mean, self._std, self._slope, self._delta = made[:4]
        self._place, self._counts = self._powers[PLACES], self._terms[:SUM]
        self._tail_sums, self._tail_distances = self._tail[:SUMS], self._tail[SUM:TWICE]
        self._of_terms, self._of_tail, self._of_both, self._of_moved = map(
            tuple, (self._terms, self._tail, self._both, self._moved)
        )

    def reset(self) -> None:
        self._tails.fill(0.0)
        self._tail_centre.fill(0.0)

    def push(self, x: Float, places: list[int], whole: bool) -> None:
        """Make the wanted statistics, (W, S) each, after row x (S,) at its place in each window's block.

        whole: no value of the row is missing.
        """
        self._last[:] = x
        for window, place in enumerate(places):
            self._powers[PLACES, window], self._powers[PLACES2, window] = place, place * place
            if place == 0:
                self._head[:, window] = 0.0
                self._centre[window] = self._tail_centre[window]
                self._silent[window] = self._some_silent = True
            self._tail[:, window] = self._tails[self._first[window] + place + 1]
        self._grow(x, whole)
        with np.errstate(invalid="ignore", divide="ignore"):  # of no value, of one: NaN
            self._combine()

    def _grow(self, x: Float, whole: bool) -> None:
        """Add row x to each head; the head's first value becomes its centre."""
        known = x == x
        if self._some_silent:
            np.copyto(self._centre, x, where=self._silent & known)
            self._silent &= ~known
            self._some_silent = bool(self._silent.any())
        self._counts[:] = self._powers
        away = np.subtract(self._last, self._centre, out=self._of_terms[SUM])
        if not whole:
            self._counts *= known
            np.copyto(away, 0.0, where=~known)
        np.multiply(away, away, out=self._of_terms[SQUARES])
        np.multiply(self._place, away, out=self._of_terms[PRODUCTS])
        np.add(self._head, self._terms, out=self._head)

    def _combine(self) -> None:
        """The statistics of heads and tails together, measured from the heads' centres."""
        apart, tail = np.subtract(self._tail_centre, self._centre, out=self._apart), self._of_tail
        shift, shift2, turned = self._of_moved
        np.multiply(tail[COUNT], apart, out=shift)
        np.add(tail[TWICE], shift, out=shift2)
        np.multiply(shift2, apart, out=shift2)
        np.multiply(tail[PLACES], apart, out=turned)
        np.add(self._tail_distances, self._moved, out=self._tail_distances)
        np.add(self._head, self._tail_sums, out=self._both)
        count, places, places2, total, squares, products = self._of_both
        part, spare = np.divide(self._one, count, out=self._part), self._spare
        mean = np.multiply(total, part, out=self._mean)
        np.add(mean, self._centre, out=mean)
        if self._wants_delta:
            np.subtract(self._last, mean, out=self._delta)
        if self._wants_std:
            np.multiply(total, total, out=spare)
            np.multiply(spare, part, out=spare)
            np.subtract(squares, spare, out=squares)
            np.multiply(squares, part, out=squares)
            np.maximum(squares, self._zero, out=squares)
            np.sqrt(squares, out=self._std)
        if self._wants_slope:
            np.multiply(products, count, out=products)
            np.multiply(places, total, out=spare)
            np.subtract(products, spare, out=products)
            np.multiply(count, places2, out=spare)
            np.multiply(places, places, out=places)
            np.subtract(spare, places, out=spare)
            np.divide(products, spare, out=self._slope)

    def cut(self, window: int, x: Float) -> None:
        """Once a block is full: the sums of each of its tails, from its newest value x[0] backwards, places from -1."""
        known = x == x
        newest = x[np.argmax(known, axis=0), np.arange(x.shape[1])]
        centre = np.where(known.any(axis=0), newest, 0.0)
        away = np.where(known, x - centre, 0.0)
        place = -np.arange(1.0, len(x) + 1.0)[:, None]
        placed = place * known
        tails = self._tails[self._first[window] : self._first[window] + len(x)][::-1]
        for index, term in enumerate((known, placed, place * placed, away, away * away, place * away)):
            np.cumsum(term, axis=0, dtype=np.float64, out=tails[:, index])
        np.multiply(2.0, tails[:, SUM], out=tails[:, TWICE])
        self._tail_centre[window] = centre


class _Extremes:
    """Smallest and largest value, from those of both parts of each window. Source: van Herk, 1992."""

    def __init__(self, lengths: tuple[int, ...], made: Float, wanted: frozenset[str]) -> None:
        shape = made.shape[1:]
        self._first, self._wants_range = _starts(lengths), "range" in wanted
        self._tails = np.empty((sum(lengths) + len(lengths), 2, shape[1]))  # of values and of -values
        self._head, self._row = np.empty((2, *shape)), np.empty((2, *shape))
        self._least, self._most, self._range = made[MADE.index("min") :]
        self._both = made[MADE.index("min") : MADE.index("range")]

    def reset(self) -> None:
        self._tails.fill(np.inf)

    def push(self, x: Float, places: list[int], whole: bool) -> None:
        """min, max and range, (W, S) each, after row x (S,); whole: no value of it is missing."""
        row, head, both = self._row, self._head, self._both
        row[0] = x
        np.negative(row[0], out=row[1])
        if not whole:
            np.fmin(row, np.inf, out=row)  # a missing value is none of the smallest
        for window, place in enumerate(places):
            if place == 0:
                head[:, window] = np.inf
            both[:, window] = self._tails[self._first[window] + place + 1]
        np.minimum(head, row, out=head)
        np.minimum(head, both, out=both)
        if not whole:
            np.copyto(both, np.nan, where=both == np.inf)
        np.negative(self._most, out=self._most)
        if self._wants_range:
            np.subtract(self._most, self._least, out=self._range)

    def cut(self, window: int, x: Float) -> None:
        """Once a block is full: the smallest of each of its tails, from its newest value x[0] backwards."""
        tails = self._tails[self._first[window] : self._first[window] + len(x)][::-1]
        np.minimum.accumulate(np.fmin(np.stack((x, -x), axis=1), np.inf), axis=0, out=tails)
