"""How one source's records are read, compiled for the device: fields, units as two numbers, times, codes.

It travels in the bundle's manifest. Plain dataclasses, as in ``spec``.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any, Literal

TimeFormat = Literal["iso", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "excel", "matlab", "counter"]
"""excel, matlab: days since 1899-12-30 and since year 0."""


@dataclass(frozen=True)
class TimeMap:
    """How a record's time is read.

    `field` is a field's name, or a template that joins several: ``"{Date} {Time}"``. `format` is a name of TimeFormat
    or a strptime pattern; `zone` is the IANA zone of a local time. A counter is start + value x period_s.

    ambiguous: which of the two moments a local time means that a zone's clocks show twice. "order", for files alone:
    the second, from where a device's times stop rising; a device, which sees one record at a time, takes the first.
    """

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    field: str
    format: str = "iso"
    zone: str = "UTC"
    ambiguous: Literal["first", "second", "order"] = "first"
    start: str | None = None  # ISO, or a template that gives it; for counters
    period_s: float | None = None  # for counters
    row_s: float = 0.0  # files alone: seconds that each further record of a file adds
    column_s: float = 0.0  # files alone: seconds that each further cell of a spread record adds


@dataclass(frozen=True)
class FieldMap:
    """Where a channel's value stands in a vendor's record, and how it becomes the canonical unit: x*scale+offset."""

    field: str
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""  # as the vendor writes it; a payload that names another unit is not believed
    missing: tuple[str, ...] = ()  # codes of this channel, beside those of the source
    codes: dict[str, float] = dataclasses.field(default_factory=dict)  # cell.key_of(word) -> the number it stands for
    quality: str = ""  # field with the vendor's own verdict on the value
    good: tuple[str, ...] = ()  # cell.key_of(what it says of a value that may be believed)
    counter: bool = False  # the value is a cumulative counter; what was counted since the one before is the channel's
    rollover: float = 0.0  # where the counter begins again at 0, in the vendor's unit; 0: nowhere


@dataclass(frozen=True)
class Derived:
    """A field made of others: a template, then a part of it, then a word that stands for it."""

    of: str  # template
    match: str = ""  # regular expression: its first group (or all it matches) is the value; no match: absent
    values: dict[str, str] = dataclasses.field(default_factory=dict)  # cell.key_of(value) -> its word; else `otherwise`
    otherwise: str | None = None  # None: absent


@dataclass(frozen=True)
class LongMap:
    """One channel a record: which field names it, and which holds the value."""

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    name: str
    value: str


@dataclass(frozen=True)
class SourceMap:
    """A source's mapping, compiled for the device: names, units as scale and offset, times, missing codes.

    device, site, vendor, firmware are templates over the record's fields: ``"pump-{id}"``, or a plain word.
    """

    name: str
    decoder: str  # a key of fleetloop_edge.decoders.DECODERS
    device: str
    time: TimeMap
    received: TimeMap | None
    delay_s: float  # received = time + delay_s where the source does not say
    channels: dict[str, FieldMap]  # canonical channel name -> field
    missing: tuple[str, ...] = ()  # codes as text; numbers compare as numbers
    site: str | None = None
    vendor: str | None = None
    firmware: str | None = None
    fields: dict[str, Derived] = dataclasses.field(default_factory=dict)
    long: LongMap | None = None
    clock: dict[str, float] = dataclasses.field(default_factory=dict)  # device -> seconds by which its clock is ahead
    each: tuple[str, ...] = ()  # of JSON: fields that hold lists; each place in them is a record of its own
    uploaded: TimeMap | None = None  # when the cloud got the record; ingest alone reads it
