"""Rows by the million, compiled: which part each belongs to, their order, and which of those of one moment stands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipelines.ingest.duplicates import CONFLICT, DUPLICATE, KEPT

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

DAY = 86_400_000_000  # microseconds
ALL, DAYS, MONTHS, YEARS = 0, 1, 2, 3
"""Kinds of spans."""

_SHORT = 16  # rows that are sorted by insertion


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def month_of(day: int) -> int:
    """Months since January 1970 of a day since 1970-01-01. Source: H. Hinnant, chrono-compatible date algorithms."""
    z = day + 719_468
    era = z // 146_097
    doe = z - era * 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    mp = (5 * (doe - (365 * yoe + yoe // 4 - yoe // 100)) + 2) // 153
    shift = 3 if mp < 10 else -9
    year = yoe + era * 400 + (1 if mp >= 10 else 0)
    return (year - 1970) * 12 + mp + shift - 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def spans_of(time: Int64, kind: int) -> Int32:
    """(n,) the span of each time, counted from 1970: days, months, years, or 0 for all."""
    out = np.zeros(len(time), dtype=np.int32)
    if kind == ALL:
        return out
    known, span = np.int64(-1), np.int32(0)
    for i in range(len(time)):
        day = time[i] // DAY
        if day != known:
            known = day
            span = day if kind == DAYS else month_of(day) if kind == MONTHS else month_of(day) // 12
        out[i] = span
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def by_key(keys: Int32, count: int) -> tuple[Int64, Int64]:
    """Rows in the order of their key, those of one key as they came: order (n,), and starts (count + 1,)."""
    places, starts = places_by_key(keys, count)
    order = np.empty(len(keys), dtype=np.int64)
    for i in range(len(keys)):
        order[places[i]] = i
    return order, starts


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def places_by_key(keys: Int32, count: int) -> tuple[Int64, Int64]:
    """Where each row stands in the order of `by_key`: places (n,), and starts (count + 1,)."""
    starts = np.zeros(count + 1, dtype=np.int64)
    for key in keys:
        starts[key + 1] += 1
    for k in range(count):
        starts[k + 1] += starts[k]
    at = starts[:-1].copy()
    places = np.empty(len(keys), dtype=np.int64)
    for i in range(len(keys)):
        places[i] = at[keys[i]]
        at[keys[i]] += 1
    return places, starts


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def put(column: Any, places: Int64, out: Any) -> None:
    """out[places[i]] = column[i]."""
    for i in range(len(places)):
        out[places[i]] = column[i]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def canonical(
    said: Any, valid: NDArray[np.uint8], first: int, scale: float, offset: float, low: float, high: float, out: Float32
) -> int:
    """out: what was said, in the channel's unit; NaN where it is outside low..high. How many are.

    valid: a bit a cell, from bit `first` on, 0 where nothing was said; empty where all cells say something.
    """
    outside = 0
    for i in range(len(said)):
        value = said[i] * scale + offset
        wrong = (value < low) | (value > high)
        outside += wrong
        out[i] = np.nan if wrong else value
    i = 0
    while i < len(said) and len(valid):
        byte = valid[(first + i) >> 3]
        if byte == 255 and not (first + i) & 7:
            i += 8
            continue
        if not byte >> ((first + i) & 7) & 1:
            value = said[i] * scale + offset
            outside -= (value < low) | (value > high)
            out[i] = np.nan
        i += 1
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def take(column: Any, order: Int64, out: Any) -> None:
    """out[i] = column[order[i]]."""
    for i in range(len(order)):
        out[i] = column[order[i]]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _before(i: int, j: int, time: Int64, received: Int64, values: Float32, origin: Int32, record: Int64) -> bool:
    """Whether row i stands before row j: by time, receipt, values (NaN last), file and record."""
    if time[i] != time[j]:
        return time[i] < time[j]  # type: ignore[no-any-return]
    if received[i] != received[j]:
        return received[i] < received[j]  # type: ignore[no-any-return]
    for c in range(values.shape[0]):
        a, b = values[c, i], values[c, j]
        if a == b or (np.isnan(a) and np.isnan(b)):
            continue
        if np.isnan(a) or np.isnan(b):
            return bool(np.isnan(b))
        return a < b  # type: ignore[no-any-return]
    if origin[i] != origin[j]:
        return origin[i] < origin[j]  # type: ignore[no-any-return]
    return record[i] < record[j]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def sort_rows(
    order: Int64, starts: Int64, time: Int64, received: Int64, values: Float32, origin: Int32, record: Int64
) -> None:
    """Put the rows of each device in their one order. order: rows by device; values: (C, n).

    Merges upwards from short runs, and leaves alone what stands in order: telemetry nearly does.
    """
    spare = np.empty(len(order), dtype=np.int64)
    for d in range(len(starts) - 1):
        first, last = starts[d], starts[d + 1]
        width = _SHORT
        for low in range(first, last, width):
            for k in range(low + 1, min(low + width, last)):
                row, at = order[k], k
                while at > low and _before(row, order[at - 1], time, received, values, origin, record):
                    order[at] = order[at - 1]
                    at -= 1
                order[at] = row
        while width < last - first:
            for low in range(first, last - width, 2 * width):
                middle, high = low + width, min(low + 2 * width, last)
                if _before(order[middle], order[middle - 1], time, received, values, origin, record):
                    _merge(order, spare, low, middle, high, time, received, values, origin, record)
            width *= 2


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _merge(
    order: Int64, spare: Int64, low: int, middle: int, high: int,
    time: Int64, received: Int64, values: Float32, origin: Int32, record: Int64,
) -> None:  # fmt: skip
    """Two neighbouring runs in order become one."""
    while _before(order[low], order[middle], time, received, values, origin, record):
        low += 1  # these stay
    spare[low:middle] = order[low:middle]
    left, right, at = low, middle, low
    while left < middle and right < high:
        if _before(order[right], spare[left], time, received, values, origin, record):
            order[at] = order[right]
            right += 1
        else:
            order[at] = spare[left]
            left += 1
        at += 1
    order[at : at + middle - left] = spare[left:middle]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def judge(order: Int64, device: Int32, time: Int64, values: Float32) -> NDArray[np.int8]:
    """(n,) KEPT, DUPLICATE or CONFLICT of the rows in `order`, by the rule of `duplicates`. values: (C, n)."""
    channels, n = values.shape[0], len(order)
    status = np.full(n, KEPT, dtype=np.int8)
    known = np.empty(channels, dtype=np.float32)
    head = True  # the row before is the first of its moment
    for k in range(1, n):
        row, before = order[k], order[k - 1]
        if time[row] != time[before] or device[row] != device[before]:
            head = True
            continue
        if head:
            known[:] = values[:, before]
            head = False
        adds, denies = False, False
        for c in range(channels):
            value = values[c, row]
            if not np.isnan(value):
                adds |= np.isnan(known[c])
                denies |= not np.isnan(known[c]) and value != known[c]
        if denies:
            status[k] = CONFLICT
        elif not adds:
            status[k] = DUPLICATE
        else:
            for c in range(channels):
                known[c] = values[c, row] if np.isnan(known[c]) else known[c]
    return status


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def newlines(words: NDArray[np.uint64], tail: NDArray[np.uint8]) -> Int64:
    """Places of the byte 10 in a text: its bytes eight at a time, and those that are left over.

    Source: A. Mycroft's test for a zero byte: (w - 0x01..01) & ~w & 0x80..80, not 0 where w has one.
    """
    ones, high, ends = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080), np.uint64(0x0A0A0A0A0A0A0A0A)
    out, count = np.empty(1024, dtype=np.int64), 0
    for i in range(len(words) + 1):
        last = i == len(words)
        word = np.uint64(0) if last else words[i] ^ ends
        if not last and not (word - ones) & ~word & high:
            continue
        if count + 8 > len(out):
            out = np.append(out, np.empty(len(out), dtype=np.int64))
        for j in range(len(tail) if last else 8):
            is_end = tail[j] == 10 if last else (word >> np.uint64(8 * j)) & np.uint64(255) == 0
            out[count] = 8 * i + j
            count += is_end
    return out[:count]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def has_control(codes: NDArray[np.uint8]) -> bool:
    """Whether a text holds a control character other than the ends of its lines."""
    found = 0
    for code in codes:
        found |= (code < 32) & (code != 10) & (code != 13)
    return found != 0
