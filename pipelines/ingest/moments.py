"""Columns of times → microseconds, at array speed; held equal to the device's clock, which reads what is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fleetloop_edge.decoders import clock
from fleetloop_edge.mapping import TimeMap

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MICRO = 1_000_000
DAY = 86_400
_WIDTH = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_LONGEST = 32


def from_text(cells: pa.Array, spec: TimeMap) -> tuple[Ints, Bools]:
    """(n,) microseconds of times written as text, and which of them could be read here; the rest is for `clock`.

    Read here: ISO and patterns of two-digit parts and a four-digit year, all UTC or in the zone of the mapping.
    """
    found = np.zeros(len(cells), dtype=np.int64)
    done = np.zeros(len(cells), dtype=np.bool_)
    text = pc.utf8_trim_whitespace(cells).fill_null("")
    size = pc.binary_length(text).to_numpy(zero_copy_only=False)
    for length in np.unique(size).tolist():
        layouts = [layout for layout in _layouts(spec.format) if layout.length in (length, length - 1)]
        if not layouts or length > _LONGEST:
            continue
        places = np.flatnonzero(size == length)
        part = text if len(places) == len(text) else text.take(pa.array(places))
        codes = _codes(part, length)
        for layout in layouts:
            local, ok = layout.read(codes, iso=spec.format == "iso")
            zulu = length == layout.length + 1
            found[places[ok]] = local[ok] if zulu or spec.zone == "UTC" else to_utc(local[ok], spec)
            done[places[ok]] = True
    return found, done & within(found)


def within(micros: Ints) -> Bools:
    """Which moments a clock may say."""
    found: Bools = (micros >= int(clock.EARLIEST) * MICRO) & (micros < int(clock.LATEST) * MICRO)
    return found


def _codes(text: pa.Array, length: int) -> NDArray[np.uint8]:
    """(length, n) the bytes of texts of one length."""
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(text)], pa.int32()), text), "")[0].as_buffer()
    return np.ascontiguousarray(np.frombuffer(joined, dtype=np.uint8).reshape(-1, length).T)


class _Layout:
    """Where each part of a time stands, in a text of fixed length; `fraction` digits of a second at its end."""

    def __init__(self, parts: dict[str, int], literals: dict[int, bytes], length: int, fraction: int) -> None:
        self._parts, self._literals, self.length, self._fraction = parts, literals, length, fraction

    def read(self, codes: NDArray[np.uint8], iso: bool) -> tuple[Ints, Bools]:
        """Local microseconds since 1970, and which of the texts are of this layout."""
        ok = np.ones(codes.shape[1], dtype=np.bool_)
        if len(codes) > self.length:  # one more: the Z of UTC
            ok &= (codes[self.length] == ord("Z")) & iso & ("H" in self._parts)
        for place, letters in self._literals.items():
            ok &= np.logical_or.reduce([codes[place] == letter for letter in letters])
        said = {name: self._number(codes, place, _WIDTH[name], ok) for name, place in self._parts.items()}
        fraction = self._number(codes, self.length - self._fraction, self._fraction, ok) if self._fraction else 0
        day = _days(said["Y"], said["m"], said["d"], ok)
        hour, minute, second = (said.get(name, np.int64(0)) for name in "HMS")
        ok &= (hour < 24) & (minute < 60) & (second < 60)
        seconds = day * DAY + hour * 3600 + minute * 60 + second
        return seconds * MICRO + fraction * 10 ** (6 - self._fraction), ok

    @staticmethod
    def _number(codes: NDArray[np.uint8], place: int, width: int, ok: Bools) -> Ints:
        number = np.zeros(codes.shape[1], dtype=np.int64)
        for row in codes[place : place + width]:
            digit = row - np.uint8(ord("0"))  # what is no digit becomes more than 9
            ok &= digit <= 9
            number = number * 10 + digit
        return number


def _days(year: Ints, month: Ints, day: Ints, ok: Bools) -> Ints:
    """Days since 1970; `ok` becomes false where there is no such day."""
    ok &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    months = (np.clip(year, 1, 9999) - 1970) * 12 + np.clip(month, 1, 12) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    ok &= first + day - 1 < following
    days: Ints = first + day - 1
    return days


@lru_cache(maxsize=64)
def _layouts(pattern: str) -> tuple[_Layout, ...]:
    if pattern == "iso":
        whole = [_layout(p, 0, iso=True) for p in _ISO]
        found = [*whole, *(_layout(f"{_ISO[-1]}.", digits, iso=True) for digits in range(1, 7))]
    elif pattern.endswith(".%f"):
        found = [_layout(pattern.removesuffix("%f"), digits) for digits in range(1, 7)]
    else:
        found = [_layout(pattern, 0)]
    return tuple(layout for layout in found if layout is not None)


def _layout(pattern: str, fraction: int, iso: bool = False) -> _Layout | None:
    """None where a pattern has parts of no fixed width, or a part twice, or no whole date."""
    parts: dict[str, int] = {}
    literals: dict[int, bytes] = {}
    place = i = 0
    while i < len(pattern):
        if pattern[i] == "%":
            name = pattern[i + 1 : i + 2]
            if name not in _WIDTH or name in parts:
                return None
            parts[name], place, i = place, place + _WIDTH[name], i + 2
            continue
        if not pattern[i].isascii() or (pattern[i].isspace() and not iso and pattern[i] != " "):
            return None
        literals[place] = b"T " if iso and pattern[i] == " " else pattern[i].encode()
        place, i = place + 1, i + 1
    complete = {"Y", "m", "d"} <= set(parts)
    return _Layout(parts, literals, place + fraction, fraction) if complete else None


def to_utc(local: Ints, spec: TimeMap) -> Ints:
    """Local microseconds of the mapping's zone → UTC, day by day: most days keep one offset from end to end."""
    if not len(local):
        return local
    days, of = np.unique(local // (DAY * MICRO), return_inverse=True)
    begin = np.array([_offset(int(day) * DAY, spec) for day in days.tolist()])
    end = np.array([_offset(int(day) * DAY + DAY - 1, spec) for day in days.tolist()])
    found: Ints = local - begin[of] * MICRO
    turning = np.flatnonzero(begin[of] != end[of])
    seconds, which = np.unique(local[turning] // MICRO, return_inverse=True)
    offsets = np.array([_offset(int(second), spec) for second in seconds.tolist()], dtype=np.int64)
    found[turning] = local[turning] - offsets[which] * MICRO
    return found


def said_twice(local: Ints, spec: TimeMap) -> Ints:
    """(n,) seconds between the two moments that a local time (microseconds) means; 0 where it means one."""
    seconds, of = np.unique(local // MICRO, return_inverse=True)
    days = np.unique(seconds // DAY)
    turning = [d for d in days.tolist() if _offset(d * DAY - 1, spec) > _offset(d * DAY + DAY, spec)]
    some = np.flatnonzero(np.isin(seconds // DAY, turning))
    twice = np.zeros(len(seconds), dtype=np.int64)
    twice[some] = [_offset(int(s), spec, 0) - _offset(int(s), spec, 1) for s in seconds[some].tolist()]
    gap: Ints = np.maximum(twice, 0)[of]
    return gap


def _offset(seconds: int, spec: TimeMap, fold: int | None = None) -> int:
    """Seconds by which the zone's clocks are ahead of UTC, at a local time."""
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    chosen = int(spec.ambiguous == "second") if fold is None else fold
    utc = moment.replace(tzinfo=clock.zone_of(spec.zone), fold=chosen).astimezone(UTC).replace(tzinfo=None)
    return round((moment - utc).total_seconds())


def to_local(micros: Ints, spec: TimeMap) -> Ints:
    """UTC → what the zone's clocks showed."""
    seconds, of = np.unique(micros // MICRO, return_inverse=True)
    zone = clock.zone_of(spec.zone)
    hours = np.unique(seconds // 900)  # no zone turns its clocks within a quarter
    at = {h: _shown(h * 900, zone) for h in hours.tolist()}
    offsets = np.array([at[h] for h in (seconds // 900).tolist()], dtype=np.int64)
    found: Ints = micros + offsets[of] * MICRO
    return found


def _shown(seconds: int, zone: Any) -> int:
    offset = datetime.fromtimestamp(seconds, UTC).astimezone(zone).utcoffset()
    return round(offset.total_seconds()) if offset else 0


def in_order(micros: Ints, device: NDArray[np.int32], spec: TimeMap) -> Ints:
    """Times whose local form means two moments, told apart by their order in the file, device by device.

    From where a device's local times stop rising, within an hour that its clocks show twice, they are the second.
    """
    local = to_local(micros, spec)
    gap = said_twice(local, spec)
    rows = np.flatnonzero(gap)
    rows = rows[np.argsort(device[rows], kind="stable")]
    found = micros.copy()
    if not len(rows):
        return found
    same = (device[rows][1:] == device[rows][:-1]) & (np.abs(np.diff(local[rows])) < DAY * MICRO)
    fell = np.r_[False, same & (np.diff(local[rows]) <= 0)]
    start = np.flatnonzero(np.r_[True, ~same])
    count = np.cumsum(fell)
    before = np.repeat(count[start], np.diff(np.r_[start, len(rows)]))
    second = rows[count > before]
    found[second] += gap[second] * MICRO
    return found
