"""A source: files of one vendor, how they are split into records, and what each field of a record means."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from fleetloop_edge.mapping import LongMap, TimeMap
from pipelines.frozen import Frozen
from pipelines.params.expand import expand, expand_keys, expand_list


def _text(value: Any) -> Any:
    """YAML reads 0, yes and 2008-01-01 as other things than text; in a mapping they stand for what is in a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float)) else value


def _shorthand(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_text)]
Names = Annotated[tuple[str, ...], BeforeValidator(expand_list)]


class ChannelField(Frozen):
    """Where a channel stands in a vendor's record, in which unit. `pressure: P1` is short for `{field: P1}`."""

    field: str
    unit: str | None = None  # None: already canonical
    missing: tuple[Text, ...] = ()  # codes of this channel, beside those of the source
    codes: dict[Text, float] = Field(default_factory=dict)  # words that stand for numbers
    quality: str | None = None  # field with the vendor's own verdict
    good: tuple[Text, ...] = ()  # what it says of a value that may be believed
    counter: bool = False  # a cumulative counter: the channel is what it counts from one record of a device to the next
    rollover: float | None = Field(None, gt=0)  # where it begins again at 0, in its own unit

    @model_validator(mode="after")
    def _verdict(self) -> ChannelField:
        if (self.quality is None) != (not self.good):
            raise ValueError("quality (a field) and good (what it says of a good value) go together")
        return self

    @model_validator(mode="after")
    def _counts(self) -> ChannelField:
        if self.rollover is not None and not self.counter:
            raise ValueError("rollover is of a counter: say counter: true, or leave it out")
        return self


class TableFormat(Frozen):
    """The dialect of a text table (decoder `table`), from the top of the file to its end."""

    delimiter: str = ","  # one character, or "whitespace" for runs of blanks
    widths: tuple[int, ...] = ()  # characters of each column, where columns stand at fixed places
    skip: int = Field(0, ge=0)  # lines before the header
    header: int = Field(1, ge=0, le=9)  # lines of it, joined by a blank; false: none
    after_header: int = Field(0, ge=0)  # lines between header and records (units)
    footer: int = Field(0, ge=0)  # lines at the end that are no records
    columns: Names = ()  # names; where there is a header, they take the place of its own
    comment: str = ""  # lines that begin with it are no records
    quote: str = '"'
    multiline: bool = False  # quoted cells may hold line ends; the file is then read in one piece
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'", "_"] = ""
    encoding: str = "utf-8"

    @model_validator(mode="after")
    def _quoted(self) -> TableFormat:
        if self.multiline and not self.quote:
            raise ValueError("multiline is of quoted cells: say quote, or leave multiline out")
        return self


class Spread(Frozen):
    """Cells of one record that are rows of their own: each becomes a row, with the fields `field` (the cell),
    `column` (the column's name) and `position` (from 0)."""

    columns: Names = ("*",)  # names or patterns
    field: str = "cell"


class JoinSpec(Frozen):
    """A table whose records stand beside the source's own: row by row, or by key. Its fields are `<name>.<column>`."""

    files: str  # glob; {file} and {folder} are those of the file that it is joined to
    table: TableFormat = TableFormat()
    key: str | dict[str, str] | None = None  # a column of both, or own column -> its column; None: row by row
    spread: Spread | None = None


class Envelope(Frozen):
    """Each line is a JSON object around a payload, as recorders of a broker write them; its other fields (topic,
    received) stand beside the payload's own."""

    payload: str
    encoding: Literal["base64", "hex", "text"] = "base64"


class DerivedField(Frozen):
    """A field made of others: a template, then the part that `match` finds, then the word that stands for it."""

    of: str
    match: str = ""  # regular expression; its first group, or all it matches
    values: dict[Text, Text] = Field(default_factory=dict)
    otherwise: Text | None = None  # for a value that `values` does not name; None: absent


class LabelColumn(Frozen):
    """A label that stands in each row. Equal ones in a row of a device are one interval."""

    field: str
    values: dict[Text, Text | None] = Field(default_factory=dict)  # cell -> label; null: none. Empty: "<name>=<cell>"


class EventColumn(Frozen):
    """An event told by a column: it happens where the column begins to say so."""

    field: str
    when: tuple[Text, ...]
    each: bool = False  # it happens in every row that says so
    value: str | None = None  # field with the event's value


class Ending(Frozen):
    """How a table tells of a failure without a log.

    last_row: a device's history ends with the event, at its last row's time (run to failure).
    field: the record says how many periods after the device's last row the event comes (C-MAPSS RUL files).
    """

    event: str = "failure"
    field: str | None = None


class SourceSpec(Frozen):
    """Files of one vendor and their mapping. `kind` says which table they fill."""

    files: str  # glob below data/raw/<dataset>
    kind: Literal["rows", "events", "labels", "ending"] = "rows"
    decoder: str = "json"  # table, parquet, field_log, or one of the device's own: json, senml, senml_cbor, ...
    table: TableFormat = TableFormat()
    envelope: Envelope | None = None
    join: dict[str, JoinSpec] = Field(default_factory=dict)
    spread: Spread | None = None
    long: LongMap | None = None  # one channel a record
    each: Annotated[tuple[str, ...], BeforeValidator(_one_or_more)] = ()  # of json: lists whose entries are records
    fields: dict[str, DerivedField] = Field(default_factory=dict)
    device: str  # template over the record's fields and {row}, {file}, {folder}: "train-{unit}"
    time: TimeMap | None = None
    received: TimeMap | None = None
    uploaded: TimeMap | None = None  # when the cloud got it; kept in the rows, never used by features
    delay_s: float = Field(0.0, ge=0)  # received = time + delay_s where the source does not say
    clock: dict[str, float] = Field(default_factory=dict)  # device -> seconds by which its clock is ahead
    site: str | None = None  # templates
    vendor: str | None = None
    firmware: str | None = None
    side: Literal["train", "calibration", "test"] | None = None  # given side; None: hashed
    channels: dict[str, Annotated[ChannelField, BeforeValidator(_shorthand)]] = Field(default_factory=dict)
    missing: tuple[Text, ...] = ()  # codes that mean "not measured"
    events: dict[str, EventColumn] = Field(default_factory=dict)  # kind of event -> the column that tells it
    labels: dict[str, LabelColumn] = Field(default_factory=dict)
    event: str | None = None  # template: kind of event, for kind: events
    value: str | None = None  # field with the event's value
    label: str | None = None  # template, for kind: labels
    until: TimeMap | None = None  # when the label ends, for kind: labels; None: it is of one moment
    by: str | None = None  # template: who says so; None: the source's name
    ending: Ending | None = None

    def globs(self) -> list[str]:
        """Patterns of the source's own files, below data/raw/<dataset>."""
        return expand(self.files)

    def all_globs(self) -> list[str]:
        """The same, and those of the files that it joins to them."""
        joined = [spec.files.replace("{file}", "*").replace("{folder}", "**") for spec in self.join.values()]
        return [*self.globs(), *joined]

    @model_validator(mode="before")
    @classmethod
    def _expanded(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("channels"), dict):
            return raw | {"channels": expand_keys(raw["channels"])}
        return raw

    @model_validator(mode="before")
    @classmethod
    def _log(cls, raw: Any) -> Any:
        """A field log has one shape: only its files need to be said."""
        if isinstance(raw, dict) and raw.get("decoder") == "field_log":
            stamps = {"time": {"field": "time"}, "received": {"field": "received"}}
            return {"device": "{device}"} | stamps | raw
        return raw

    @model_validator(mode="after")
    def _complete(self) -> SourceSpec:
        if self.kind == "rows" and self.time is None:
            raise ValueError("a source of rows needs time")
        if self.kind == "events" and (self.time is None or self.event is None):
            raise ValueError("a source of events needs time and event")
        if self.kind == "labels" and (self.time is None or self.label is None):
            raise ValueError("a source of labels needs time and label")
        if self.each and (self.decoder != "json" or self.kind != "rows"):
            raise ValueError("each is of rows of the decoder json")
        if self.kind == "ending" and (self.ending is None or self.ending.field is None):
            raise ValueError("a source of kind ending needs ending.field")
        return self
