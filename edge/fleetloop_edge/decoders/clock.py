"""A record's time → epoch seconds UTC."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from fleetloop_edge.decoders.cell import BLANK, absent, number, shown
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import TimeMap

UTC = timezone.utc  # noqa: UP017 - needs no tzdata on the device

TICKS: dict[str, float] = {"epoch_s": 1.0, "epoch_ms": 1e3, "epoch_us": 1e6, "epoch_ns": 1e9}
"""Ticks of an epoch time, per second."""

DAYS: dict[str, float] = {"excel": 25_569.0, "matlab": 719_529.0}
"""The day 1970-01-01, in formats that count days."""

DAY_S = 86_400.0

EARLIEST, LATEST = 0.0, 7_258_118_400.0
"""1970 to 2200: a clock that says anything else is wrong."""


def read(value: Any, spec: TimeMap, what: str, start: str | None = None) -> float:
    """Epoch seconds of a time as `spec` says it is written. `what`: "time" or "received". start: of a counter.

    Of the two moments of a local time that a zone's clocks show twice it is the first, unless spec.ambiguous says
    "second". Raises DecodeError (no_time, bad_time, bad_received).
    """
    if absent(value):
        raise DecodeError(f"no_{what}", f"no {what}: the field {spec.field!r} is absent or empty", spec.field)
    seconds = _seconds(value, spec, start or spec.start)
    if seconds is None:
        raise DecodeError(f"bad_{what}", f"{what} {shown(value)!r} is not of format {spec.format!r}", spec.field)
    if not EARLIEST <= seconds < LATEST:
        raise DecodeError(f"bad_{what}", f"{what} {shown(value)!r} is not between 1970 and 2200", spec.field)
    return seconds


def from_number(value: Any, spec: TimeMap, start: str | None) -> Any:
    """Epoch seconds of a time written as a number: of one, or of an array of them. Raises ValueError (start)."""
    if spec.format == "counter":
        return _start(start or "1970-01-01T00:00:00Z") + value * (spec.period_s or 1.0)
    if spec.format in DAYS:
        return (value - DAYS[spec.format]) * DAY_S
    return value / TICKS[spec.format]


def is_numeric(spec: TimeMap) -> bool:
    """Whether the time is written as a number."""
    return spec.format in TICKS or spec.format in DAYS or spec.format == "counter"


def _seconds(value: Any, spec: TimeMap, start: str | None) -> float | None:
    try:
        if is_numeric(spec):
            plain = None if isinstance(value, bool) else number(value)
            return None if plain is None or math.isnan(plain) else float(from_number(plain, spec, start))
        return _text(value.strip(BLANK), spec) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _text(value: str, spec: TimeMap) -> float:
    moment = datetime.fromisoformat(value) if spec.format == "iso" else datetime.strptime(value, spec.format)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(spec.zone), fold=int(spec.ambiguous == "second"))
    return moment.timestamp()


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo | timezone:
    """The zone by its IANA name."""
    return UTC if name == "UTC" else ZoneInfo(name)


@lru_cache(maxsize=64)
def _start(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
