"""A flat record (named fields) → readings. JSON objects, SenML packs and table lines all end here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fleetloop_edge.decoders import clock
from fleetloop_edge.decoders.cell import BLANK, absent, value_of
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.readings import Reading

_HOLE = re.compile(r"\{([^{}]+)\}")


@lru_cache(maxsize=1024)
def holes(template: str) -> tuple[str, ...]:
    """The fields that a template needs: ("id",) for "pump-{id}"."""
    return tuple(_HOLE.findall(template))


def fill(template: str | None, fields: Mapping[str, Any]) -> str | None:
    """The template with its fields filled in; None where one is absent or empty."""
    if template is None:
        return None
    names = holes(template)
    if not names:
        return template or None
    words: dict[str, str] = {}
    for name in names:
        value = lookup(fields, name)
        if absent(value) or isinstance(value, (dict, list)):
            return None
        words[name] = str(value).strip(BLANK)
    if len(template) == len(names[0]) + 2:  # nothing but the hole
        return words[names[0]]
    return _HOLE.sub(lambda hole: words[hole[1]], template)


def lookup(fields: Mapping[str, Any], name: str) -> Any:
    """A field by name; "a.b" also reaches into nested objects. None where it is absent."""
    if name in fields:
        return fields[name]
    head, _, tail = name.partition(".")
    inner = fields.get(head) if tail else None
    return lookup(inner, tail) if isinstance(inner, Mapping) else None


def has(fields: Mapping[str, Any], name: str) -> bool:
    """Whether the record says anything of this field, be it null."""
    if name in fields:
        return True
    head, _, tail = name.partition(".")
    inner = fields.get(head) if tail else None
    return isinstance(inner, Mapping) and has(inner, tail)


def device_of(fields: Mapping[str, Any], template: str) -> str:
    """The device's name. Raises DecodeError (no_device)."""
    device = fill(template, fields)
    if device is None:
        raise DecodeError("no_device", f"no device: {template!r} needs a field that is absent or empty")
    return device


def times_of(fields: Mapping[str, Any], source: SourceMap) -> tuple[float, float]:
    """When it was measured and received, in epoch seconds; the second is NaN where the record does not say.

    Raises DecodeError (no_time, bad_time, bad_received).
    """
    time = clock.read(lookup(fields, source.time.field), source.time, "time")
    if source.received is None:
        return time, math.nan
    received = lookup(fields, source.received.field)
    return time, math.nan if absent(received) else clock.read(received, source.received, "received")


def read_record(fields: Mapping[str, Any], source: SourceMap) -> list[Reading]:
    """One reading for every mapped channel that the record mentions. Raises DecodeError."""
    device = device_of(fields, source.device)
    time, received = times_of(fields, source)
    about = (fill(source.site, fields), fill(source.vendor, fields), fill(source.firmware, fields))
    readings = []
    for channel in source.channels.values():
        if has(fields, channel.field):
            value, raw = value_of(lookup(fields, channel.field), source.missing)
            readings.append(Reading(device, time, received, channel.field, value, *about, None, raw))
    if not readings:
        known = ", ".join(c.field for c in source.channels.values())
        raise DecodeError("no_channel", f"none of the fields {known} is in the record")
    return readings
