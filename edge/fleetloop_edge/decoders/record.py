"""A flat record (named fields) → readings. JSON objects, SenML packs and table lines all end here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fleetloop_edge.decoders import clock
from fleetloop_edge.decoders.cell import BLANK, absent, key_of, shown, value_of
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import Derived, FieldMap, SourceMap, TimeMap
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


def derive(rule: Derived, fields: Mapping[str, Any]) -> str | None:
    """A field made of others; None where they do not give it."""
    text = fill(rule.of, fields)
    if text is None:
        return None
    if rule.match:
        found = re.search(rule.match, text)
        if found is None:
            return None
        text = found[1 if found.re.groups else 0] or ""
    return rule.values.get(key_of(text), rule.otherwise) if rule.values else text


def with_derived(fields: Mapping[str, Any], source: SourceMap) -> dict[str, Any]:
    """The record's fields and those that the mapping makes of them, in its order."""
    found = dict(fields)
    for name, rule in source.fields.items():
        found[name] = derive(rule, found)
    return found


def times_of(fields: Mapping[str, Any], source: SourceMap, device: str = "") -> tuple[float, float]:
    """When it was measured and received, in epoch seconds; the second is NaN where the record does not say.

    device: whose clock it is, where the mapping corrects some. Raises DecodeError (no_time, bad_time, bad_received).
    """
    time = read_time(fields, source.time, "time") - source.clock.get(device, 0.0)
    if source.received is None:
        return time, math.nan
    received = told(fields, source.received.field)
    return time, math.nan if absent(received) else read_time(fields, source.received, "received")


def read_time(fields: Mapping[str, Any], spec: TimeMap, what: str) -> float:
    """One time of a record. Raises DecodeError."""
    start = spec.start
    if start is not None and holes(start):
        start = fill(start, fields)
        if start is None:
            raise DecodeError(
                f"no_{what}", f"no {what}: the start {spec.start!r} needs a field that is absent", spec.field
            )
    return clock.read(told(fields, spec.field), spec, what, start)


def told(fields: Mapping[str, Any], name: str) -> Any:
    """A field by name, or what a template makes of several."""
    return fill(name, fields) if holes(name) else lookup(fields, name)


def read_record(fields: Mapping[str, Any], source: SourceMap) -> list[Reading]:
    """One reading for every mapped channel that the record mentions. Raises DecodeError."""
    if source.fields:
        fields = with_derived(fields, source)
    device = device_of(fields, source.device)
    time, received = times_of(fields, source, device)
    about = (fill(source.site, fields), fill(source.vendor, fields), fill(source.firmware, fields))
    if source.long is not None:
        return [_one_channel(fields, source, Reading(device, time, received, "", math.nan, *about))]
    readings = []
    for channel in source.channels.values():
        if has(fields, channel.field):
            value, raw = cell_of(lookup(fields, channel.field), channel, source)
            verdict = verdict_of(fields, channel)
            readings.append(Reading(device, time, received, channel.field, value, *about, None, raw, verdict))
    if not readings:
        known = ", ".join(c.field for c in source.channels.values())
        raise DecodeError("no_channel", f"none of the fields {known[:300]} is in the record")
    return readings


def cell_of(field: Any, channel: FieldMap, source: SourceMap) -> tuple[float, str | None]:
    """A channel's value and, where it is neither a number, nor a word for one, nor a missing code, its text."""
    missing = source.missing + channel.missing if channel.missing else source.missing
    return value_of(field, missing, channel.codes)


def verdict_of(fields: Mapping[str, Any], channel: FieldMap) -> str | None:
    """What the vendor says against a value, if anything."""
    if not channel.quality:
        return None
    said = lookup(fields, channel.quality)
    return None if key_of(said) in channel.good else shown(said)


def _one_channel(fields: Mapping[str, Any], source: SourceMap, about: Reading) -> Reading:
    assert source.long is not None
    name = lookup(fields, source.long.name)
    if absent(name) or isinstance(name, (dict, list)):
        raise DecodeError("no_channel", f"no channel: the field {source.long.name!r} is absent or empty")
    name = str(name).strip(BLANK)
    channel = next((c for c in source.channels.values() if c.field == name), None)
    if channel is None:
        raise DecodeError("unknown_channel", f"no channel is mapped to {shown(name)!r}")
    value, raw = cell_of(lookup(fields, source.long.value), channel, source)
    return dataclasses.replace(about, channel=name, value=value, raw=raw, verdict=verdict_of(fields, channel))
