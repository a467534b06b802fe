"""Window statistics over history, compiled: the same operations in the same order as `fleetloop_edge.trailing`.

Everything is by column: one signal's rows lie side by side, so that the processor works on several at once. Only the
sums within blocks are sequential. Views begin where a loop does: an index that might be negative would stop that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

STATS = ("mean", "std", "slope", "min", "max", "range", "delta", "deviation")
"""Order of the rows that `trailing` is told of."""
MEAN, STD, SLOPE, MIN, MAX, RANGE, DELTA, DEVIATION = range(8)

CHUNK = 2048
"""Rows that are worked on at once: what is in between stays in the processor's cache."""
TILE = 512

X, COUNTS, PLACES, PLACES2 = range(4)
"""Rows of the scratch: values; and, of the rows before each, how many are known, their places, these squared."""
HEAD_SUM, HEAD_SQUARES, HEAD_PRODUCTS, TAIL_SUM, TAIL_SQUARES, TAIL_PRODUCTS = range(4, 10)
BASE, APART, COUNT_AT, PLACES_AT, BLOCK, CENTRE = range(10, 16)
"""Of each row: its head's centre, how far its tail's lies from it, COUNTS and PLACES where its block begins, where
that is; and of each block the centre of its tails."""
COUNT, PART, TOTAL, TAIL_COUNT, TAIL_PLACES, WINDOW_PLACES, WINDOW_PLACES2, SPARE = range(16, 24)
SCRATCH = 24

compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled  # type: ignore[untyped-decorator]
def trailing(values: Float32, starts: Int, lengths: Int, rows: Int, out: Float32) -> None:
    """Fill rows of out (F, n) from values (S, n).

    starts: (segments + 1,) where segments begin, and n. lengths: (W,) rows, ascending. rows: (S, W, 8) the row of out
    for each of STATS, -1: not wanted.
    """
    longest = lengths.max()
    size = max(CHUNK, 4 * longest)
    room = size + 4 * longest + 1
    scratch, extreme = np.empty((SCRATCH, room)), np.empty((4, room), np.float32)
    for segment in range(len(starts) - 1):
        first, end = starts[segment], starts[segment + 1]
        for begin in range(first, end, size):
            stop = min(begin + size, end)
            origin = max(first, begin - 2 * longest + 1)  # a window's block, and the one before
            for c in range(values.shape[0]):
                history, into = values[c, origin:stop], out[:, begin:stop]
                extremes(history, begin - origin, lengths, rows[c], extreme, into)
                count(history, scratch[X], scratch[COUNTS], scratch[PLACES], scratch[PLACES2])
                for w in range(len(lengths)):
                    sum_blocks(scratch, stop - origin, lengths[w], begin - origin, begin - first)
                    for tile in range(begin, stop, TILE):
                        last = min(tile + TILE, stop)
                        part = scratch[:, : last - origin + 1]
                        combine(part, lengths[w], tile - origin, rows[c, w], out[:, tile:last])


@compiled  # type: ignore[untyped-decorator]
def count(values: Float32, x: Float64, counts: Float64, places: Float64, places2: Float64) -> None:
    """Values in float64; how many are known before each row (n + 1,), and their places: whole numbers, so exact."""
    known = place = placed = placed2 = 0.0
    counts[0] = places[0] = places2[0] = 0.0
    for i in range(len(values)):
        value = np.float64(values[i])
        x[i] = value
        one = 1.0 if value == value else 0.0
        known += one
        placed += one * place
        placed2 += one * place * place
        place += 1.0
        counts[i + 1], places[i + 1], places2[i + 1] = known, placed, placed2


@compiled  # type: ignore[untyped-decorator]
def sum_blocks(s: Float64, stop: int, w: int, begin: int, age: int) -> None:
    """Heads and tails of the rows from `begin` on, which stands `age` rows after its segment's start."""
    first = begin - age % w
    older = first >= w
    centre = s[CENTRE]
    origin = first - w if older else 0
    tails = s[TAIL_SUM, origin + w - 1 :], s[TAIL_SQUARES, origin + w - 1 :], s[TAIL_PRODUCTS, origin + w - 1 :]
    if older:
        suffix(s[X, origin:stop], w, tails[0], tails[1], tails[2], centre)
    else:
        for row in (TAIL_SUM, TAIL_SQUARES, TAIL_PRODUCTS):
            s[row, : w - 1] = 0.0
        suffix(s[X, :stop], w, tails[0], tails[1], tails[2], centre[1:])
        centre[0] = 0.0
    prefix(s[:, first : stop + 1], w, older, first, centre)


@compiled  # type: ignore[untyped-decorator]
def suffix(x: Float64, w: int, sums: Float64, squares: Float64, products: Float64, centre: Float64) -> None:
    """Sums of the rows from each to the end of its block, for whole blocks; none at its start."""
    for k in range(len(x) // w - 1, -1, -1):
        rows = slice(k * w, k * w + w)
        block, into, into2, into3 = x[rows], sums[rows], squares[rows], products[rows]
        total = total2 = total3 = place = newest = 0.0
        silent = True
        j = w
        while j > 1:
            j -= 1
            place -= 1.0
            if silent and block[j] == block[j]:
                silent = False
                newest = block[j]
            away = block[j] - newest
            away = away if away == away else 0.0
            total += away
            total2 += away * away
            total3 += place * away
            into[j], into2[j], into3[j] = total, total2, total3
        into[0] = into2[0] = into3[0] = 0.0
        centre[k] = block[0] if silent and block[0] == block[0] else newest


@compiled  # type: ignore[untyped-decorator]
def prefix(s: Float64, w: int, older: bool, first: int, centre: Float64) -> None:
    """Sums of the rows from each one's block start to itself. s: the scratch from a block's start, `first`, on."""
    x, base, apart, block = s[X], s[BASE], s[APART], s[BLOCK]
    head, squares, products = s[HEAD_SUM], s[HEAD_SQUARES], s[HEAD_PRODUCTS]
    counts, places, count_at, places_at = s[COUNTS], s[PLACES], s[COUNT_AT], s[PLACES_AT]
    total = total2 = total3 = place = mine = his = counted = placed = 0.0
    began = np.float64(first - w)
    silent = True
    left, k = 0, -1
    for i in range(s.shape[1] - 1):
        if left == 0:
            left = w
            k += 1
            began += w
            total = total2 = total3 = place = 0.0
            silent = True
            his = mine = centre[k]
            if k > 0 or older:
                counted, placed = counts[i], places[i]
        left -= 1
        if silent and x[i] == x[i]:
            silent = False
            mine = x[i]
        away = x[i] - mine
        away = away if away == away else 0.0
        total += away
        total2 += away * away
        total3 += place * away
        place += 1.0
        head[i], squares[i], products[i] = total, total2, total3
        base[i], apart[i], block[i] = mine, his - mine, began
        count_at[i], places_at[i] = counted, placed


@compiled  # type: ignore[untyped-decorator]
def combine(s: Float64, w: int, begin: int, rows: Int, out: Float32) -> None:
    """The wanted statistics of the rows from `begin` on, from their heads and tails."""
    v = s[:, begin : s.shape[1] - 1]
    x, base, apart, total, part, number = v[X], v[BASE], v[APART], v[TOTAL], v[PART], v[COUNT]
    head, tail, tail_count = v[HEAD_SUM], v[TAIL_SUM], v[TAIL_COUNT]
    in_window(s[COUNTS], s[COUNTS, begin + 1 :], w, begin, number)
    in_window(s[COUNTS], v[COUNT_AT], w, begin, tail_count)
    for i in range(len(part)):
        part[i] = 1.0 / number[i]
    for i in range(len(part)):
        total[i] = head[i] + (tail[i] + tail_count[i] * apart[i])
    for stat in (MEAN, DEVIATION):
        if rows[stat] >= 0:
            into = out[rows[stat]]
            for i in range(len(into)):
                into[i] = base[i] + total[i] * part[i]
    if rows[DELTA] >= 0:
        into = out[rows[DELTA]]
        for i in range(len(into)):
            into[i] = x[i] - (base[i] + total[i] * part[i])
    if rows[STD] >= 0:
        spread(v, out[rows[STD]])
    if rows[SLOPE] >= 0:
        slope(s, v, w, begin, out[rows[SLOPE]])


@compiled  # type: ignore[untyped-decorator]
def in_window(total: Float64, until: Float64, w: int, begin: int, found: Float64) -> None:
    """`until` less what stands before each row's window: the difference of whole numbers."""
    short = min(max(w - 1 - begin, 0), len(found))
    for i in range(short):
        found[i] = until[i]
    if short < len(found):
        before, until, found = total[begin + short - w + 1 :], until[short:], found[short:]
        for i in range(len(found)):
            found[i] = until[i] - before[i]


@compiled  # type: ignore[untyped-decorator]
def spread(v: Float64, into: Float32) -> None:
    """Standard deviation, of the whole window."""
    head, tail, tail_sum, tail_count = v[HEAD_SQUARES], v[TAIL_SQUARES], v[TAIL_SUM], v[TAIL_COUNT]
    apart, squares, total, part = v[APART], v[SPARE], v[TOTAL], v[PART]
    for i in range(len(into)):
        squares[i] = head[i] + (tail[i] + apart[i] * (2.0 * tail_sum[i] + tail_count[i] * apart[i]))
    for i in range(len(into)):
        square = (squares[i] - total[i] * total[i] * part[i]) * part[i]
        into[i] = np.sqrt(0.0 if square < 0.0 else square)


@compiled  # type: ignore[untyped-decorator]
def slope(s: Float64, v: Float64, w: int, begin: int, into: Float32) -> None:
    """Least squares of value on row; places are counted from the newer block's start, as on the device."""
    number, places, places2, block, total = v[COUNT], v[WINDOW_PLACES], v[WINDOW_PLACES2], v[BLOCK], v[TOTAL]
    tail_count, tail_places, apart = v[TAIL_COUNT], v[TAIL_PLACES], v[APART]
    head, tail, products = v[HEAD_PRODUCTS], v[TAIL_PRODUCTS], v[SPARE]
    in_window(s[PLACES], s[PLACES, begin + 1 :], w, begin, places)
    in_window(s[PLACES2], s[PLACES2, begin + 1 :], w, begin, places2)
    in_window(s[PLACES], v[PLACES_AT], w, begin, tail_places)
    for i in range(len(into)):
        from_block = places[i] - block[i] * number[i]
        places2[i] = places2[i] - block[i] * (places[i] + from_block)
        places[i] = from_block
    for i in range(len(into)):
        products[i] = head[i] + (tail[i] + (tail_places[i] - block[i] * tail_count[i]) * apart[i])
    for i in range(len(into)):
        rise = number[i] * products[i] - places[i] * total[i]
        into[i] = rise / (number[i] * places2[i] - places[i] * places[i])


@compiled  # type: ignore[untyped-decorator]
def extremes(values: Float32, begin: int, lengths: Int, rows: Int, scratch: Float32, out: Float32) -> None:
    """min, max and range: the least of 2, 4, 8 … rows, and of two of these that cover a window."""
    if rows[:, MIN : RANGE + 1].max() < 0:
        return
    n = len(values)
    low, high, spare, other = scratch[0, :n], scratch[1, :n], scratch[2, :n], scratch[3, :n]
    for i in range(n):
        low[i] = values[i] if values[i] == values[i] else np.float32(np.inf)
    for i in range(n):
        high[i] = -values[i] if values[i] == values[i] else np.float32(np.inf)
    span = 1
    for w in range(len(lengths)):
        while 2 * span <= lengths[w]:
            least(low, span, spare)
            low, spare = spare, low
            least(high, span, spare)
            high, spare = spare, high
            span *= 2
        least(low, lengths[w] - span, spare)
        least(high, lengths[w] - span, other)
        write_extremes(spare[begin:], other[begin:], rows[w], out)


@compiled  # type: ignore[untyped-decorator]
def least(source: Float32, back: int, found: Float32) -> None:
    """The smaller of each row and the one `back` rows before."""
    short = min(back, len(found))
    for i in range(short):
        found[i] = source[i]
    newer, found = source[short:], found[short:]
    for i in range(len(found)):
        a, b = newer[i], source[i]
        found[i] = a if a < b else b


@compiled  # type: ignore[untyped-decorator]
def write_extremes(low: Float32, high: Float32, rows: Int, out: Float32) -> Any:
    """high: of the negated values; infinite: no value is known."""
    nothing = np.float32(np.inf)
    if rows[MIN] >= 0:
        into = out[rows[MIN]]
        for i in range(len(into)):
            into[i] = low[i] if low[i] < nothing else np.float32(np.nan)
    if rows[MAX] >= 0:
        into = out[rows[MAX]]
        for i in range(len(into)):
            into[i] = -high[i] if high[i] < nothing else np.float32(np.nan)
    if rows[RANGE] >= 0:
        into = out[rows[RANGE]]
        for i in range(len(into)):
            into[i] = -high[i] - low[i] if low[i] < nothing else np.float32(np.nan)
