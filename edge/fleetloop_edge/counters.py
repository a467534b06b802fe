"""Cumulative counters → what was counted since the reading before, in float64 before it enters a row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fleetloop_edge.check import out_of_range
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.readings import Reading, Rejected
from fleetloop_edge.spec import Channel

COUNTED, ROLLED, RESTARTED, TURNED = 0, 1, 2, 3
"""What a counter did from one reading to the next."""


def increment(before: float, now: float, rollover: float) -> tuple[float, int]:
    """What was counted between two readings of one counter, and how that is known. rollover: 0 for none.

    A counter that shows less than before has begun again: past `rollover`, where what that makes is less than half of
    it; else from 0, where it shows less than half of what it showed. Any other step back says nothing: NaN.
    """
    if now >= before:
        return now - before, COUNTED
    if rollover > 0.0 and now + rollover - before < rollover / 2:
        return now + rollover - before, ROLLED
    if now < before / 2:
        return now, RESTARTED
    return math.nan, TURNED


class Totals:
    """The last reading of every counter; readings come in the order of their receipt."""

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        """saved: what `to_dict` of an earlier one gave."""
        self._last: dict[tuple[str, str], tuple[float, float]] = {}
        for device, channels in (saved or {}).items():
            self._last |= {(str(device), str(name)): (float(t), float(v)) for name, (t, v) in channels.items()}

    def counted(
        self, readings: Sequence[Reading], source: SourceMap, channels: Mapping[str, Channel]
    ) -> tuple[list[Reading], list[Rejected]]:
        """The readings with increments in place of totals, and which of these are no measurement.

        The first reading of a counter counts nothing yet, one that comes late counts nothing: NaN.
        """
        found, rejected = [], []
        for reading in readings:
            mapped = source.channels[reading.channel]
            if mapped.counter and reading.value == reading.value:
                value = self._step(reading, mapped.rollover * mapped.scale)
                channel = channels[reading.channel]
                if value == value and not channel.min <= value <= channel.max:
                    why = out_of_range(value, channel)
                    rejected.append(Rejected(reading.device, reading.time, reading.channel, value, *why))
                    value = math.nan
                reading = replace(reading, value=value)
            found.append(reading)
        return found, rejected

    def _step(self, reading: Reading, rollover: float) -> float:
        key = (reading.device, reading.channel)
        before = self._last.get(key)
        if before is not None and reading.time <= before[0]:
            return math.nan
        self._last[key] = (reading.time, reading.value)
        return math.nan if before is None else increment(before[1], reading.value, rollover)[0]

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """As JSON types."""
        found: dict[str, dict[str, list[float]]] = {}
        for (device, channel), last in self._last.items():
            found.setdefault(device, {})[channel] = list(last)
        return found
