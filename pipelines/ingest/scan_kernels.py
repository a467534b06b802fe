"""Lines of text → columns, compiled: flat JSON objects and delimited tables, as far as they are plain.

A line that is not (escapes, nested values, quotes, another number of cells, a word where a number should be) is left
whole to the readers that know everything; none is guessed at.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipelines.ingest.decimal_kernel import decimal

Codes = NDArray[np.uint8]
Ints = NDArray[np.int64]

SKIPPED, NUMBER, NEEDED, TEXT = -1, 0, 1, 2
"""Kinds of columns. NUMBER: or nothing; NEEDED: a number, or the line is left."""

_QUOTE, _COMMA, _MINUS, _POINT, _COLON, _SLASH = 34, 44, 45, 46, 58, 92
_OPEN, _CLOSE, _SMALL_N = 123, 125, 110
_LITERALS, _LITERAL_AT = np.frombuffer(b"nulltruefalse", dtype=np.uint8), np.array([0, 4, 8, 13])


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _past_blanks(codes: Codes, i: int, end: int) -> int:
    while i < end and (codes[i] == 32 or codes[i] == 9):
        i += 1
    return i


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _same(codes: Codes, i: int, size: int, words: Codes, at: Ints, k: int) -> bool:
    """Whether codes[i : i + size] is word k."""
    j = 0 if at[k + 1] - at[k] == size else size + 1
    while j < size and codes[i + j] == words[at[k] + j]:
        j += 1
    return j == size


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _word(codes: Codes, i: int, size: int, words: Codes, at: Ints) -> int:
    """Which word codes[i : i + size] is; -1: none."""
    for k in range(len(at) - 1):
        if _same(codes, i, size, words, at, k):
            return k
    return -1


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _string_end(codes: Codes, i: int, end: int, highest: int) -> int:
    """Where the string that begins at i ends, at its quote; -1: an escape, a control character, one above highest."""
    while i < end and codes[i] != _QUOTE:
        if codes[i] == _SLASH or codes[i] < 32 or codes[i] > highest:
            return -1
        i += 1
    return i if i < end else -1


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _name(
    codes: Codes, i: int, end: int, highest: int, words: Codes, at: Ints, after: Ints, before: int
) -> tuple[int, int]:
    """Which field a name is (-1: none that is wanted), and where its value begins; -1: this is no name.

    words: each name in quotes. after: what followed each field lately; before: the last one.
    """
    k, close = after[before + 1], -1
    for _ in range(2):  # fields come in one order, now and then one is left out
        if close < 0 <= k:
            size = at[k + 1] - at[k]
            if i + size < end and _same(codes, i, size, words, at, k):
                close = i + size
            else:
                k = after[k + 1]
    if close < 0:
        k, close = _other_name(codes, i, end, highest, words, at, after, before)
    i = _past_blanks(codes, close, end)
    i = _past_blanks(codes, i + 1, end) if close >= 0 and i < end and codes[i] == _COLON else end
    return k, i if i < end else -1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _other_name(
    codes: Codes, i: int, end: int, highest: int, words: Codes, at: Ints, after: Ints, before: int
) -> tuple[int, int]:
    """Which field a name is that is not the one that came next lately, and where it ends; -1: this is no name."""
    if i >= end or codes[i] != _QUOTE:
        return -1, -1
    close = _string_end(codes, i + 1, end, highest) + 1
    if close == 0:
        return -1, -1
    k = _word(codes, i, close - i, words, at)
    if k >= 0:
        after[before + 1] = k
    return k, close


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _json_number(codes: Codes, i: int, end: int) -> tuple[float, int]:
    """A number as JSON writes it, and where it ends; -1: it is none, or not for us."""
    value, stop, first = decimal(codes, i, end, _POINT)
    if stop < 0 or codes[i] == 43 or codes[first] == _POINT:
        return np.nan, -1
    if codes[first] == 48 and stop > first + 1 and 48 <= codes[first + 1] <= 57:  # 01
        return np.nan, -1
    for j in range(first, stop):
        if codes[j] == _POINT and not (j + 1 < stop and 48 <= codes[j + 1] <= 57):  # 1.
            return np.nan, -1
    return value, stop


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _integer(codes: Codes, i: int, stop: int) -> bool:
    """Whether a number is written as an integer is: its text is one, whoever writes it."""
    for j in range(i, stop):
        if not 48 <= codes[j] <= 57 and not (j == i and codes[j] == _MINUS):
            return False
    return codes[i] != _MINUS or codes[i + 1] != 48  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _literal_end(codes: Codes, i: int, end: int) -> int:
    """Where null, true or false ends; -1: it is none of them."""
    for k in range(3):
        size = _LITERAL_AT[k + 1] - _LITERAL_AT[k]
        if i + size <= end and _same(codes, i, size, _LITERALS, _LITERAL_AT, k):
            return i + size  # type: ignore[no-any-return]
    return -1


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _json_value(
    codes: Codes, i: int, end: int, highest: int, k: int, kinds: Ints, line: int,
    numbers: NDArray[np.float64], begin: NDArray[np.int32], stop: NDArray[np.int32],
) -> int:  # fmt: skip
    """Store the value at i as field k (-1: nowhere); where it ends, -1: not for us."""
    kind = SKIPPED if k < 0 else kinds[k]
    if codes[i] == _QUOTE:
        close = _string_end(codes, i + 1, end, highest)
        if close < 0 or kind in (NUMBER, NEEDED):
            return -1
        if kind == TEXT:
            begin[k, line], stop[k, line] = i + 1, close
        return close + 1  # type: ignore[no-any-return]
    word = _literal_end(codes, i, end)
    if word >= 0:
        return word if kind == SKIPPED or codes[i] == _SMALL_N else -1
    value, after = _json_number(codes, i, end)
    if after < 0:
        return -1
    if kind == TEXT:
        if not _integer(codes, i, after):
            return -1
        begin[k, line], stop[k, line] = i, after
    elif kind != SKIPPED:
        numbers[k, line] = value
    return after  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _json_line(
    codes: Codes, i: int, end: int, highest: int, words: Codes, at: Ints, kinds: Ints, line: int,
    numbers: NDArray[np.float64], begin: NDArray[np.int32], stop: NDArray[np.int32], after: Ints, seen: Ints,
) -> bool:  # fmt: skip
    """Whether the line is one flat object of fields that come once each."""
    i = _past_blanks(codes, i, end)
    if i >= end or codes[i] != _OPEN:
        return False
    before = -1
    while True:
        i = _past_blanks(codes, i + 1, end)
        k, i = _name(codes, i, end, highest, words, at, after, before)
        if i < 0:
            return False
        if k >= 0:
            if seen[k] == line:
                return False
            seen[k], before = line, k
        i = _json_value(codes, i, end, highest, k, kinds, line, numbers, begin, stop)
        if i < 0:
            return False
        i = _past_blanks(codes, i, end)
        if i >= end or codes[i] != _COMMA:
            return i < end and codes[i] == _CLOSE and _past_blanks(codes, i + 1, end) == end


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def json_lines(
    codes: Codes, first: Ints, last: Ints, highest: int, words: Codes, at: Ints, kinds: Ints, telling: Ints,
    numbers: NDArray[np.float64], begin: NDArray[np.int32], stop: NDArray[np.int32], fine: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Read lines of objects; fine (n,): which could be read here.

    first, last: where each line stands. highest: byte of a string that may be. words, at: names of the fields, in
    quotes; kinds: theirs. telling: fields of which a record says one at least. numbers (fields, n): NaN; begin, stop
    (fields, n): -1.
    """
    after, seen = np.full(len(kinds) + 1, -1), np.full(len(kinds), -1)
    for line in range(len(first)):
        args = (numbers, begin, stop, after, seen)
        good = _json_line(codes, first[line], last[line], highest, words, at, kinds, line, *args)
        said = False
        for k in telling:
            said |= begin[k, line] >= 0 if kinds[k] == TEXT else not np.isnan(numbers[k, line])
        fine[line] = good and said


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _cell(
    codes: Codes, i: int, end: int, delimiter: int, point: int, kind: int, words: Codes, at: Ints
) -> tuple[float, int]:
    """A number's cell, and where it ends; -1: it is none."""
    i = _past_blanks(codes, i, end)
    value, after, _ = decimal(codes, i, end, point)
    if after >= 0:
        after = _past_blanks(codes, after, end)
        return value, after if after == end or codes[after] == delimiter else -1
    after = i
    while after < end and codes[after] != delimiter:
        after += 1
    nothing = kind == NUMBER and (after == i or _word(codes, i, after - i, words, at) >= 0)
    return np.nan, after if nothing else -1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _table_line(
    codes: Codes, i: int, end: int, delimiter: int, quote: int, point: int, kinds: Ints, words: Codes, at: Ints,
    line: int, numbers: NDArray[np.float64], begin: NDArray[np.int32], stop: NDArray[np.int32],
) -> bool:  # fmt: skip
    """Whether the line has a cell for each column, those of numbers numbers, and no quote."""
    for column in range(len(kinds)):
        kind = kinds[column]
        if kind in (NUMBER, NEEDED):
            numbers[column, line], i = _cell(codes, i, end, delimiter, point, kind, words, at)
            if i < 0:
                return False
        else:
            first = i
            while i < end and codes[i] != delimiter:
                if codes[i] == quote:
                    return False
                i += 1
            if kind == TEXT:
                begin[column, line], stop[column, line] = first, i
        if i == end:
            return column == len(kinds) - 1
        i += 1
    return False


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def table_lines(
    codes: Codes, first: Ints, last: Ints, delimiter: int, quote: int, point: int, kinds: Ints, words: Codes, at: Ints,
    numbers: NDArray[np.float64], begin: NDArray[np.int32], stop: NDArray[np.int32], fine: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Read lines of cells; fine (n,): which could be read here. words, at: what means nothing; others as above."""
    for line in range(len(first)):
        args = (kinds, words, at, line, numbers, begin, stop)
        fine[line] = _table_line(codes, first[line], last[line], delimiter, quote, point, *args)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gather(codes: Codes, begin: NDArray[np.int32], stop: NDArray[np.int32], ends: NDArray[np.int32]) -> Codes:
    """The texts at begin..stop, one after another (begin -1: none); ends (n + 1,): where each ends, after a 0."""
    total = 0
    for i in range(len(begin)):
        total += stop[i] - begin[i]
        ends[i + 1] = total
    out = np.empty(total, dtype=np.uint8)
    for i in range(len(begin)):
        for j in range(stop[i] - begin[i]):
            out[ends[i] + j] = codes[begin[i] + j]
    return out
