"""SenML packs in JSON (RFC 8428): base fields hold until overwritten, the name is "device/channel".

Text values (`vs`) and labels that SenML does not define are fields about the device: {"n": "fw", "vs": "2.1"} and
{"fw": "2.1"} alike fill the template "{fw}".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fleetloop_edge.decoders.cell import missing_codes, number
from fleetloop_edge.decoders.json_record import parse
from fleetloop_edge.decoders.record import device_of, fill, holes, times_of
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.readings import Reading
from fleetloop_edge.spec import SourceMap

VERSION = 10  # the highest bver of RFC 8428
RELATIVE = 2.0**28  # a time below this is relative to now
LABELS = frozenset(("bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"))
BASE = ("bn", "bt", "bu", "bv", "bs", "bver")
UNITS = {"Cel": "degC", "m3/h": "m^3/h", "m3/s": "m^3/s", "m3": "m^3", "m2": "m^2", "m/s2": "m/s^2"}
"""SenML's unit codes that the mapping writes otherwise."""


@dataclass
class _Value:
    device: str
    time: float
    channel: str
    value: Any
    unit: str | None


@dataclass
class _Pack:
    """A pack with its base fields resolved."""

    base: dict[str, Any] = field(default_factory=dict)
    values: list[_Value] = field(default_factory=list)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)  # by device; "": whatever the device

    def say(self, device: str, name: str, value: Any) -> None:
        self.about.setdefault(device, {})[name] = value

    def fields(self, device: str) -> dict[str, Any]:
        return self.about.get("", {}) | self.about.get(device, {}) | {"device": device}


def decode(payload: bytes, source: SourceMap, received: float | None = None) -> list[Reading]:
    """The readings of a SenML pack; all of it is refused where one record of it is. Raises DecodeError."""
    document = parse(payload)
    if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
        raise DecodeError("not_senml", f"a SenML pack is a list of records, got {str(document)[:80]!r}")
    pack = _Pack()
    for record in document:
        _resolve(record, pack, received)
    words = _words(source)
    for item in pack.values:
        if item.channel in words:
            pack.say(item.device, item.channel, item.value)
    measured = [v for v in pack.values if v.channel not in words]
    if not measured:
        raise DecodeError("no_channel", "the pack holds no value of a channel")
    return _readings(measured, pack, source)


def _words(source: SourceMap) -> frozenset[str]:
    """Names that say something about the device, not values of a channel."""
    templates = (source.device, source.site, source.vendor, source.firmware)
    names = {name for template in templates if template for name in holes(template)}
    return frozenset(names | {t.field for t in (source.time, source.received) if t is not None})


def _readings(values: list[_Value], pack: _Pack, source: SourceMap) -> list[Reading]:
    stamps: dict[tuple[str, float], tuple[str, float, float, str | None, str | None, str | None]] = {}
    readings = []
    for item in values:
        key = (item.device, item.time)
        if key not in stamps:
            fields = pack.fields(item.device) | {source.time.field: item.time}
            time, received = times_of(fields, source)
            named = (fill(source.site, fields), fill(source.vendor, fields), fill(source.firmware, fields))
            stamps[key] = (device_of(fields, source.device), time, received, *named)
        device, time, received, site, vendor, firmware = stamps[key]
        value = number(item.value)
        raw = str(item.value)[:80] if value is None else None
        value = float("nan") if value is None or _is_code(value, source) else value
        readings.append(Reading(device, time, received, item.channel, value, site, vendor, firmware, item.unit, raw))
    return readings


def _is_code(value: float, source: SourceMap) -> bool:
    return bool(source.missing) and value in missing_codes(source.missing)[1]


def _resolve(record: dict[str, Any], pack: _Pack, received: float | None) -> None:
    """Add one record to the pack. Raises DecodeError."""
    pack.base |= {label: record[label] for label in BASE if label in record}
    if _real(pack.base, "bver", 0.0) > VERSION:
        raise DecodeError("not_senml", f"SenML version {pack.base['bver']!r} is above {VERSION}", "bver")
    device, channel = _name(record, pack.base)
    for label in record.keys() - LABELS:
        if label.endswith("_"):
            raise DecodeError("not_senml", f"the label {label!r} must be understood and is not", label)
        pack.say(device, label, record[label])
    if "vs" in record:
        pack.say(device, channel, record["vs"])
        return
    value = _value(record, pack.base)
    if value is None:
        return
    if not channel:
        raise DecodeError("not_senml", "a record holds a value without a name", "n")
    unit = record.get("u", pack.base.get("bu"))
    pack.values.append(_Value(device, _time(record, pack.base, received), channel, value, _unit(unit)))


def _name(record: dict[str, Any], base: dict[str, Any]) -> tuple[str, str]:
    """Device and channel of a record; "" where it names none."""
    first, last = base.get("bn", ""), record.get("n", "")
    if not isinstance(first, str) or not isinstance(last, str):
        raise DecodeError("not_senml", f"a name must be text, got {first!r} and {last!r}", "n")
    device, _, channel = (first + last).rpartition("/")
    return device, channel


def _value(record: dict[str, Any], base: dict[str, Any]) -> Any:
    """The record's value; None where it only sets base fields."""
    if "v" in record:
        value, extra = record["v"], base.get("bv", 0)
        plain = isinstance(value, (int, float)) and isinstance(extra, (int, float)) and extra
        return value + extra if plain else ("null" if value is None else value)
    for label in ("vb", "vd"):
        if label in record:
            return record[label]
    return base["bv"] if "bv" in base and "n" in record else None


def _time(record: dict[str, Any], base: dict[str, Any], received: float | None) -> float:
    time = _real(base, "bt", 0.0) + _real(record, "t", 0.0)
    if time >= RELATIVE:
        return time
    if received is None:
        raise DecodeError("no_time", f"time {time} is relative to now, and nobody said when it was received", "t")
    return received + time


def _real(record: dict[str, Any], label: str, default: float) -> float:
    value = record.get(label, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DecodeError("not_senml", f"{label!r} must be a number, got {str(value)[:80]!r}", label)
    real = number(value)
    return default if real is None else real


def _unit(unit: Any) -> str | None:
    return UNITS.get(unit, unit) if isinstance(unit, str) else None
