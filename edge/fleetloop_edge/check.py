"""Readings in a vendor's words and units → canonical ones; what cannot be trusted becomes NaN, with the reason."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fleetloop_edge.mapping import FieldMap, SourceMap
from fleetloop_edge.readings import Reading, Rejected
from fleetloop_edge.spec import Channel


def check(
    readings: Sequence[Reading], source: SourceMap, channels: dict[str, Channel]
) -> tuple[list[Reading], list[Rejected]]:
    """Readings by canonical channel name and unit, and what became NaN on the way.

    A channel that the mapping does not know has no place in a row: it is rejected and left out.
    """
    fields = {mapped.field: (name, mapped) for name, mapped in source.channels.items()}
    kept: list[Reading] = []
    rejected: list[Rejected] = []
    for r in readings:
        found = fields.get(r.channel)
        if found is None:
            reason = f"no channel is mapped to {r.channel!r}"
            rejected.append(Rejected(r.device, r.time, r.channel, r.value, "unknown_channel", reason))
            continue
        name, mapped = found
        value = r.value * mapped.scale + mapped.offset
        broken = _broken(r, value, mapped, channels[name])
        if broken is not None:
            rejected.append(Rejected(r.device, r.time, name, value, *broken))
            value = math.nan
        kept.append(Reading(r.device, r.time, r.received, name, value, r.site, r.vendor, r.firmware))
    return kept, rejected


def not_a_number(raw: str) -> tuple[str, str]:
    """Rule and reason for a cell that is text."""
    return "not_a_number", f"{raw!r} is not a number"


def bad_quality(verdict: str) -> tuple[str, str]:
    """Rule and reason for a value that the vendor itself does not vouch for."""
    return "bad_quality", f"the vendor's own verdict on it is {verdict!r}"


def out_of_range(value: float, channel: Channel) -> tuple[str, str]:
    """Rule and reason for a value that is no measurement."""
    return "out_of_range", f"{value:.6g} is outside {channel.min:g}..{channel.max:g} {channel.unit}".rstrip()


def _broken(reading: Reading, value: float, mapped: FieldMap, channel: Channel) -> tuple[str, str] | None:
    if reading.verdict is not None:
        return bad_quality(reading.verdict)
    if reading.raw is not None:
        return not_a_number(reading.raw)
    if value != value:  # NaN: not measured
        return None
    if reading.unit is not None and mapped.unit and reading.unit != mapped.unit:
        return "unknown_unit", f"{reading.channel!r} came in {reading.unit!r}, the mapping says {mapped.unit!r}"
    if mapped.counter:  # the range is that of what it counts from one reading to the next
        return None
    return None if channel.min <= value <= channel.max else out_of_range(value, channel)
