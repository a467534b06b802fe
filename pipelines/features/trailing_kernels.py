"""Window statistics over history, compiled: the same operations in the same order as `fleetloop_edge.trailing`.

LANES signals stand side by side in each row, so that the processor works on all of them at once, also where a sum goes
from row to row: an element of a flat loop stands on the one LANES before it. What a loop reads and writes lies in one
flat array at constant distances, and is numbered without a sign: otherwise the compiler must expect that
it overlaps, or that a number is negative, and works on one at a time.

Blocks are gone through by pieces of at most PIECE rows, each with a row before (heads) or behind (tails) it
from which its sums go on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.compiled import DELTA, DEVIATION, MEAN, SLOPE, STATS, STD, compiled
from pipelines.features.extreme_kernels import extremes

__all__ = ["STATS", "compiled", "trailing"]

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
U = np.uint64

CHUNK = 1024
"""Rows that are worked on at once: what is in between stays in the processor's cache."""
LANES, PIECE = 4, 64
LANE = U(LANES)
FIELD = (PIECE + 1) * LANES

SUMS = 6
COUNT, PLACES, PLACES2, SUM, SQUARES, PRODUCTS = (U(i * FIELD) for i in range(SUMS))
"""Fields of heads and of tails: as in `fleetloop_edge.trailing`."""
BASE, APART, PLACE, MEANS = (U(i * FIELD) for i in range(SUMS, SUMS + 4))
"""Further fields of heads: the centre, how far from it the tail's lies, the row in its piece, and the window's mean."""
HEADS = (SUMS + 4) * FIELD
CENTRE, KNOWN, _, AWAY = (U(i * FIELD) for i in range(SUMS, SUMS + 4))
"""Further fields of tails: the centre, whether there is a value, PLACE again, and the distance from the centre."""
TAILS = (SUMS + 4) * FIELD
MADE = 3
SPREADS, SLOPES, DELTAS = (U(i * FIELD) for i in range(MADE))
"""Fields of what is made beside the mean, which a deviation needs as a float64."""


@compiled  # type: ignore[untyped-decorator]
def trailing(values: Float32, baseline: Float64, starts: Int, lengths: Int, rows: Int, out: Float32) -> None:
    """Fill rows of out (F, n) from values (S, n).

    baseline: (S, n) the device's own, which deviations are from; of any shape where none is wanted. starts:
    (segments + 1,) where segments begin, and n. lengths: (W,) rows, ascending. rows: (S, W, 8) the row of out for each
    of STATS, -1: not wanted.
    """
    signals, longest = values.shape[0], lengths.max()
    size = max(CHUNK, 2 * longest)
    x, made = np.empty((longest + size) * LANES), np.empty(MADE * FIELD, np.float32)
    pieces = (longest + PIECE - 1) // PIECE
    heads, tails = np.empty((len(lengths), HEADS)), np.empty((len(lengths), pieces * TAILS))
    number_rows(heads, tails)
    extreme = np.empty((4, size + longest), np.float32)
    for signal in range(0, signals, LANES):
        mine = slice(signal, min(signal + LANES, signals))
        for segment in range(len(starts) - 1):
            first, end = starts[segment], starts[segment + 1]
            begin_segment(tails, lengths, end - first)
            for begin in range(first, end, size):
                stop, origin = min(begin + size, end), max(first, begin - longest)
                side_by_side(values[mine, origin:stop], x)
                own = baseline[mine, begin:stop]
                for w in range(len(lengths)):
                    of, into = rows[mine, w], out[:, begin:stop]
                    advance(x, begin - origin, begin - first, lengths[w], heads[w], tails[w], made, own, of, into)
                for c in range(mine.start, mine.stop):
                    extremes(values[c, origin:stop], begin - origin, lengths, rows[c], extreme, out[:, begin:stop])


@compiled  # type: ignore[untyped-decorator]
def side_by_side(values: Float32, x: Float64) -> None:
    """The rows of up to LANES signals, row by row; lanes that are left over are missing."""
    count, n = values.shape
    for lane in range(LANES):
        for row in range(n):
            x[row * LANES + lane] = np.float64(values[lane, row]) if lane < count else np.nan


@compiled  # type: ignore[untyped-decorator]
def number_rows(heads: Float64, tails: Float64) -> None:
    """Fill PLACE of every piece."""
    for w in range(len(heads)):
        for k in range(FIELD):
            heads[w, np.int64(PLACE) + k] = k // LANES
        for piece in range(0, tails.shape[1], TAILS):
            for k in range(FIELD):
                tails[w, piece + np.int64(PLACE) + k] = k // LANES


@compiled  # type: ignore[untyped-decorator]
def begin_segment(tails: Float64, lengths: Int, rows: int) -> None:
    """No row has gone before a segment of so many rows."""
    for w in range(len(lengths)):
        for piece in range(0, min(lengths[w], rows), PIECE):
            first = piece // PIECE * TAILS
            tails[w, first : first + np.int64(CENTRE) + LANES] = 0.0


@compiled  # type: ignore[untyped-decorator]
def advance(
    x: Float64,
    at: int,
    age: int,
    w: int,
    heads: Float64,
    tails: Float64,
    made: Float32,
    own: Float64,
    rows: Int,
    out: Float32,
) -> None:
    """The statistics of a chunk, which begins at row `at` of x and stands `age` rows after its segment's start."""
    row, place = 0, age % w
    while row < out.shape[1]:
        piece = place // PIECE
        low = place - piece * PIECE
        high = min(low + out.shape[1] - row, PIECE, w - piece * PIECE)
        if place == 0:
            begin_block(heads, tails)
        elif low == 0:
            carry(heads)
        lanes = U(low * LANES), U(high * LANES)
        of_piece = tails[piece * TAILS : piece * TAILS + TAILS]
        grow(heads, x[(at + row) * LANES :], lanes, np.float64(piece * PIECE))
        combine(heads, of_piece, x[(at + row) * LANES :], lanes, made)
        write(made, low, high, rows, row, out)
        write_means(heads, low, high, own, rows, row, out)
        row += high - low
        place += high - low
        if place == w:
            place = 0
            cut(x[(at + row - w) * LANES : (at + row) * LANES], w, tails)


@compiled  # type: ignore[untyped-decorator]
def begin_block(heads: Float64, tails: Float64) -> None:
    """A new head, which is measured from the tail's centre until it has a value of its own."""
    for lane in range(LANES):
        for field in range(SUMS + 2):
            heads[field * FIELD + lane] = 0.0
        heads[np.int64(BASE) + lane] = tails[np.int64(CENTRE) + lane]


@compiled  # type: ignore[untyped-decorator]
def carry(heads: Float64) -> None:
    """The next piece's sums go on from the last row's."""
    for field in range(SUMS + 2):
        for lane in range(LANES):
            heads[field * FIELD + lane] = heads[field * FIELD + PIECE * LANES + lane]


@compiled  # type: ignore[untyped-decorator]
def grow(s: Float64, x: Float64, lanes: Any, first: float) -> None:
    """Add rows x to the heads of a piece that begins at place `first`."""
    for i in range(U(0), lanes[1] - lanes[0]):
        k = lanes[0] + i
        value, had, place = x[i], s[COUNT + k], s[PLACE + k] + first
        known = value == value
        one = 1.0 if known else 0.0
        placed = place * one
        begins = (had == 0.0) & known
        base = value if begins else s[BASE + k]
        apart = s[BASE + k] - value if begins else s[APART + k]
        away = value - base if known else 0.0
        new = k + LANE
        s[COUNT + new] = had + one
        s[PLACES + new] = s[PLACES + k] + placed
        s[PLACES2 + new] = s[PLACES2 + k] + place * placed
        s[SUM + new] = s[SUM + k] + away
        s[SQUARES + new] = s[SQUARES + k] + away * away
        s[PRODUCTS + new] = s[PRODUCTS + k] + place * away
        s[BASE + new] = base
        s[APART + new] = apart


@compiled  # type: ignore[untyped-decorator]
def combine(s: Float64, t: Float64, x: Float64, lanes: Any, made: Float32) -> None:
    """Statistics of windows, from their heads and tails."""
    for i in range(U(0), lanes[1] - lanes[0]):
        k = lanes[0] + i
        new = k + LANE
        apart, count, tail = s[APART + new], t[COUNT + new], t[SUM + new]
        shift, number = count * apart, s[COUNT + new] + count
        part = 1.0 / number
        total = s[SUM + new] + (tail + shift)
        mean = s[BASE + new] + total * part
        square = s[SQUARES + new] + (t[SQUARES + new] + apart * (2.0 * tail + shift))
        square = (square - total * total * part) * part
        products = s[PRODUCTS + new] + (t[PRODUCTS + new] + t[PLACES + new] * apart)
        places, places2 = s[PLACES + new] + t[PLACES + new], s[PLACES2 + new] + t[PLACES2 + new]
        s[MEANS + new] = mean
        made[DELTAS + k] = x[i] - mean
        made[SPREADS + k] = math.sqrt(0.0 if square < 0.0 else square)
        made[SLOPES + k] = (number * products - places * total) / (number * places2 - places * places)


@compiled  # type: ignore[untyped-decorator]
def write(made: Float32, low: int, high: int, rows: Int, row: int, out: Float32) -> None:
    """What is wanted of rows low .. high of a piece, to columns `row` on; rows: (signals, 8)."""
    for field, stat in ((SPREADS, STD), (SLOPES, SLOPE), (DELTAS, DELTA)):
        for lane in range(len(rows)):
            into, source, n = rows[lane, stat], field + U(low * LANES + lane), U(high - low)
            if into >= 0:
                for i in range(U(0), n):
                    out[into, U(row) + i] = made[source + i * LANE]


@compiled  # type: ignore[untyped-decorator]
def write_means(s: Float64, low: int, high: int, own: Float64, rows: Int, row: int, out: Float32) -> None:
    """The same of means, and of means less the device's own baseline (signals, n)."""
    for lane in range(len(rows)):
        mean, deviation, n = rows[lane, MEAN], rows[lane, DEVIATION], U(high - low)
        source = MEANS + U((low + 1) * LANES + lane)
        if mean >= 0:
            for i in range(U(0), n):
                out[mean, U(row) + i] = s[source + i * LANE]
        if deviation >= 0:
            for i in range(U(0), n):
                out[deviation, U(row) + i] = s[source + i * LANE] - own[lane, U(row) + i]


@compiled  # type: ignore[untyped-decorator]
def cut(x: Float64, w: int, tails: Float64) -> None:
    """The tails of a whole block x: sums from its newest row backwards, places from -1 down."""
    newest(x, w, tails)
    last = (w - 1) // PIECE
    for piece in range(last, -1, -1):
        first = piece * PIECE
        n = min(PIECE, w - first)
        t = tails[piece * TAILS : piece * TAILS + TAILS]
        for field in range(SUMS):
            for lane in range(LANES):
                before = tails[(piece + 1) * TAILS + field * FIELD + lane] if piece < last else 0.0
                t[field * FIELD + n * LANES + lane] = before
        for lane in range(LANES):
            t[np.int64(CENTRE) + lane] = tails[np.int64(CENTRE) + lane]
        distances(x[first * LANES :], U(n * LANES), t)
        sum_up(t, U(n * LANES), np.float64(first - w))


@compiled  # type: ignore[untyped-decorator]
def newest(x: Float64, w: int, tails: Float64) -> None:
    """The centre of each lane's tails: its newest value, 0 of none."""
    for lane in range(LANES):
        row = w - 1
        while row > 0 and np.isnan(x[row * LANES + lane]):
            row -= 1
        value = x[row * LANES + lane]
        tails[np.int64(CENTRE) + lane] = value if value == value else 0.0


@compiled  # type: ignore[untyped-decorator]
def distances(x: Float64, n: Any, t: Float64) -> None:
    """Which of x are known, and how far they lie from the centre, which each row hands on to the next."""
    for k in range(U(0), n):
        value, centre = x[k], t[CENTRE + k]
        known = value == value
        t[CENTRE + k + LANE] = centre
        t[KNOWN + k] = 1.0 if known else 0.0
        t[AWAY + k] = value - centre if known else 0.0


@compiled  # type: ignore[untyped-decorator]
def sum_up(t: Float64, n: Any, first: float) -> None:
    """The sums of a piece of tails from its last row up; its first row has place `first`."""
    for i in range(U(0), n):
        k = n - U(1) - i
        known, away, old = t[KNOWN + k], t[AWAY + k], k + LANE
        place = first + t[PLACE + k]
        placed = place * known
        t[COUNT + k] = t[COUNT + old] + known
        t[PLACES + k] = t[PLACES + old] + placed
        t[PLACES2 + k] = t[PLACES2 + old] + place * placed
        t[SUM + k] = t[SUM + old] + away
        t[SQUARES + k] = t[SQUARES + old] + away * away
        t[PRODUCTS + k] = t[PRODUCTS + old] + place * away
