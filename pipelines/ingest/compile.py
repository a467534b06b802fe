"""A source's mapping, compiled for the device: units become two numbers, everything else is checked here once."""

from __future__ import annotations

import re
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from fleetloop_edge.decoders import clock
from fleetloop_edge.decoders.cell import key_of
from fleetloop_edge.decoders.record import holes
from fleetloop_edge.mapping import Derived, FieldMap, SourceMap, TimeMap
from fleetloop_edge.spec import Channel
from pipelines.errors import ParamsError
from pipelines.params import ChannelField, DatasetSpec, DerivedField, SourceSpec


def compile_source(name: str, source: SourceSpec, dataset: DatasetSpec) -> SourceMap:
    """The mapping that the device runs. Raises ParamsError naming the key below sources.<name> that cannot be.

    A source of kind `ending` has no time of its own; its map carries a counter that nobody reads.
    """
    channels: dict[str, FieldMap] = {}
    for channel, mapped in (source.channels or {c: ChannelField(field=c) for c in dataset.channels}).items():
        key = f"sources.{name}.channels.{channel}"
        if mapped.field in {known.field for known in channels.values()}:
            raise ParamsError(f"{key}.field: {mapped.field!r} already feeds another channel")
        channels[channel] = _field(mapped, dataset.channels[channel].unit, key)
    for key, time in (
        ("time", source.time),
        ("received", source.received),
        ("uploaded", source.uploaded),
        ("until", source.until),
    ):
        if time is not None:
            _check_time(time, f"sources.{name}.{key}")
    return SourceMap(
        name=name,
        decoder=source.decoder,
        device=source.device,
        time=source.time or TimeMap("", "counter"),
        received=source.received,
        uploaded=source.uploaded,
        each=source.each,
        delay_s=source.delay_s,
        channels=channels,
        missing=source.missing,
        site=source.site,
        vendor=source.vendor,
        firmware=source.firmware,
        fields={field: _derived(rule, f"sources.{name}.fields.{field}") for field, rule in source.fields.items()},
        long=source.long,
        clock=source.clock,
    )


def _field(mapped: ChannelField, canonical: str, key: str) -> FieldMap:
    scale, offset = _conversion(canonical if mapped.unit is None else mapped.unit, canonical, f"{key}.unit")
    if mapped.counter and (offset or scale <= 0):
        raise ParamsError(f"{key}.unit: {mapped.unit!r} to {canonical!r} is no pure scale, so nothing counts in it")
    return FieldMap(
        mapped.field,
        scale,
        offset,
        mapped.unit or "",
        missing=mapped.missing,
        codes={key_of(word): number for word, number in mapped.codes.items()},
        quality=mapped.quality or "",
        good=tuple(key_of(word) for word in mapped.good),
        counter=mapped.counter,
        rollover=mapped.rollover or 0.0,
    )


def _derived(rule: DerivedField, key: str) -> Derived:
    try:
        re.compile(rule.match)
    except re.error as error:
        raise ParamsError(f"{key}.match: {rule.match!r} is no regular expression ({error})") from None
    return Derived(rule.of, rule.match, {key_of(k): v for k, v in rule.values.items()}, rule.otherwise)


def channels_of(dataset: DatasetSpec) -> dict[str, Channel]:
    """The dataset's channels as the device's type, in their order."""
    return {name: Channel(name, c.unit, c.min, c.max) for name, c in dataset.channels.items()}


@lru_cache(maxsize=1024)
def _conversion(vendor: str, canonical: str, key: str) -> tuple[float, float]:
    """Scale and offset from one unit to another, exact until the last rounding."""
    if vendor == canonical:
        return 1.0, 0.0
    units = _units()
    try:
        if not units.Unit(vendor).is_compatible_with(units.Unit(canonical)):
            raise ParamsError(f"{key}: {vendor!r} cannot become {canonical!r} (they measure different things)")
        at = [units.Quantity(Fraction(x), units.Unit(vendor)).to(units.Unit(canonical)).magnitude for x in (0, 1, 2)]
    except ParamsError:
        raise
    except Exception as error:  # pint raises errors of many families, tokenizer's among them
        raise ParamsError(f"{key}: {vendor!r} cannot become {canonical!r} ({_short(error)})") from None
    if at[2] - at[1] != at[1] - at[0]:
        raise ParamsError(f"{key}: {vendor!r} to {canonical!r} is no scale and offset; convert it before it is sent")
    return float(at[1] - at[0]), float(at[0])


@lru_cache(maxsize=1)
def _units() -> Any:
    import pint  # slow to import: only where a unit differs

    return pint.UnitRegistry(non_int_type=Fraction, autoconvert_offset_to_baseunit=True)


def _check_time(time: TimeMap, key: str) -> None:
    try:
        ZoneInfo(time.zone)
    except (KeyError, ValueError, OSError):
        raise ParamsError(f"{key}.zone: {time.zone!r} is no IANA zone, such as Europe/Berlin") from None
    if time.format == "counter":
        if time.start is None or time.period_s is None:
            raise ParamsError(f"{key}: a counter needs start (ISO) and period_s (seconds)")
        try:
            if not holes(time.start):
                datetime.fromisoformat(time.start)
        except ValueError:
            raise ParamsError(f"{key}.start: {time.start!r} is not ISO, such as 2026-01-01T00:00:00Z") from None
    elif time.format != "iso" and not clock.is_numeric(time) and not _is_pattern(time.format):
        known = ", ".join(("iso", *clock.TICKS, *clock.DAYS, "counter"))
        raise ParamsError(f"{key}.format: {time.format!r} is neither one of {known} nor a strptime pattern")


def _is_pattern(text: str) -> bool:
    """Whether a date survives being written and read by the pattern."""
    try:
        datetime.strptime(datetime(2026, 11, 23, 13, 14, 15).strftime(text), text)
    except ValueError:
        return False
    return "%" in text


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
