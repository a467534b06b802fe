"""SenML packs in JSON (RFC 8428): base fields hold until overwritten, the name is "device/channel".

Text values (`vs`) and labels that SenML does not define are fields about the device: {"n": "fw", "vs": "2.1"} and
{"fw": "2.1"} alike fill the template "{fw}".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from fleetloop_edge.decoders.cell import number, shown, value_of
from fleetloop_edge.decoders.context import Context
from fleetloop_edge.decoders.json_record import parse
from fleetloop_edge.decoders.record import cell_of, device_of, fill, holes, times_of, with_derived
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.readings import Reading

VERSION = 10  # the highest bver of RFC 8428
RELATIVE = 2.0**28  # a time below this is relative to now
LABELS = frozenset(("bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"))
UNITS = {"Cel": "degC", "m3/h": "m^3/h", "m3/s": "m^3/s", "m3": "m^3", "m2": "m^2", "m/s2": "m/s^2"}
"""SenML's unit codes that the mapping writes otherwise."""

_ORDINARY = frozenset(("n", "u", "v"))  # what most records hold, and nothing else

_Value = tuple[str, float, str, Any, str | None]  # device, time, channel, value, unit


@dataclass(slots=True)
class _Pack:
    """A pack being read: the base fields in force, the values so far, and what was said about each device."""

    received: float | None
    name: str = ""
    time: float = 0.0
    value: float = 0.0
    unit: Any = None
    values: list[_Value] = field(default_factory=list)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)  # by device; "": whatever the device

    def say(self, device: str, name: str, value: Any) -> None:
        self.about.setdefault(device, {})[name] = value


def decode(payload: bytes, source: SourceMap, received: float | None, context: Context) -> list[Reading]:
    """The readings of a SenML pack; all of it is refused where one record of it is. Raises DecodeError."""
    return read_pack(parse(payload), source, received, context)


def read_pack(document: Any, source: SourceMap, received: float | None, context: Context) -> list[Reading]:
    """The readings of a pack whose records have the labels of JSON. Raises DecodeError."""
    if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
        raise DecodeError("not_senml", f"a SenML pack is a list of records, got {shown(document)!r}")
    pack = _Pack(received)
    pack.about[""] = dict(context.fields)
    for record in document:
        _read(record, pack)
    words = _words(source.device, source.site, source.vendor, source.firmware) | {source.time.field}
    if source.received is not None:
        words |= {source.received.field}
    measured = []
    for value in pack.values:
        if value[2] in words:
            pack.say(value[0], value[2], value[3])
        else:
            measured.append(value)
    if not measured:
        raise DecodeError("no_channel", "the pack holds no value of a channel")
    return _readings(measured, pack, source)


@lru_cache(maxsize=64)
def _words(*templates: str | None) -> frozenset[str]:
    """Names that say something about the device, not values of a channel."""
    return frozenset(name for template in templates if template for name in holes(template))


def _readings(values: list[_Value], pack: _Pack, source: SourceMap) -> list[Reading]:
    stamps: dict[tuple[str, float], tuple[str, float, float, str | None, str | None, str | None]] = {}
    known = {mapped.field: mapped for mapped in source.channels.values()}
    readings = []
    for owner, at, channel, said, unit in values:
        stamp = stamps.get((owner, at))
        if stamp is None:
            fields = {**pack.about.get("", {}), **pack.about.get(owner, {}), "device": owner, source.time.field: at}
            if source.fields:
                fields = with_derived(fields, source)
            device = device_of(fields, source.device)
            about = (fill(source.site, fields), fill(source.vendor, fields), fill(source.firmware, fields))
            stamp = stamps[owner, at] = (device, *times_of(fields, source, device), *about)
        device, time, received, site, vendor, firmware = stamp
        mapped = known.get(channel)
        value, raw = value_of(said, source.missing) if mapped is None else cell_of(said, mapped, source)
        readings.append(Reading(device, time, received, channel, value, site, vendor, firmware, unit, raw))
    return readings


def _read(record: dict[str, Any], pack: _Pack) -> None:
    """Add one record to the pack. Raises DecodeError."""
    own = record.get("n", "")
    ordinary = record.keys() <= _ORDINARY
    if not ordinary:
        _read_base(record, pack)
    if not isinstance(own, str):
        raise DecodeError("not_senml", f"a name must be text, got {shown(own)!r}", "n")
    device, _, channel = (pack.name + own).rpartition("/")
    if not ordinary:
        for label in record.keys() - LABELS:
            if label.endswith("_"):
                raise DecodeError("not_senml", f"the label {label!r} must be understood and is not", label)
            pack.say(device, label, record[label])
        if "vs" in record:
            pack.say(device, channel, record["vs"])
            return
    found, value = _value(record, pack.value)
    if not found:
        return
    if not channel:
        raise DecodeError("not_senml", "a record holds a value without a name", "n")
    unit = record.get("u", pack.unit)
    pack.values.append((device, _time(record, pack), channel, value, UNITS.get(unit, unit) if _is_text(unit) else None))


def _read_base(record: dict[str, Any], pack: _Pack) -> None:
    if "bn" in record:
        pack.name = record["bn"]
        if not isinstance(pack.name, str):
            raise DecodeError("not_senml", f"a name must be text, got {shown(record['bn'])!r}", "bn")
    pack.time = _real(record, "bt", pack.time)
    pack.value = _real(record, "bv", pack.value)
    pack.unit = record.get("bu", pack.unit)
    if _real(record, "bver", VERSION) > VERSION:
        raise DecodeError("not_senml", f"SenML version {shown(record['bver'])} is above {VERSION}", "bver")


def _value(record: dict[str, Any], base: float) -> tuple[bool, Any]:
    """Whether the record holds a value, and which; without one it only sets base fields."""
    if "v" in record:
        plain = number(record["v"]) if base and isinstance(record["v"], (int, float)) else None
        return True, record["v"] if plain is None else plain + base
    for label in ("vb", "vd"):
        if label in record:
            return True, record[label]
    return bool(base) and "n" in record, base


def _time(record: dict[str, Any], pack: _Pack) -> float:
    time = pack.time + _real(record, "t", 0.0)
    if time >= RELATIVE or math.isnan(time):
        return time
    if pack.received is None:
        raise DecodeError("no_time", f"time {time} is relative to now, and nobody said when it was received", "t")
    return pack.received + time


def _real(record: dict[str, Any], label: str, default: float) -> float:
    if label not in record:
        return default
    real = number(record[label]) if isinstance(record[label], (int, float)) else None
    if real is None or isinstance(record[label], bool):
        raise DecodeError("not_senml", f"{label!r} must be a number, got {shown(record[label])!r}", label)
    return real


def _is_text(unit: Any) -> bool:
    return isinstance(unit, str)
