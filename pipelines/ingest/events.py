"""What happened to a device: maintenance logs, and failures that a table tells only by how it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fleetloop_edge.decoders.cell import number
from fleetloop_edge.decoders.record import device_of, fill, lookup, read_time, times_of
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from pipelines.ingest.batch import Quarantined
from pipelines.ingest.decode import Records
from pipelines.ingest.schema import LABELS, MOMENT, microseconds
from pipelines.params import Ending, SourceSpec

COLUMNS = ("device", "time", "received", "kind", "value")

_Found = tuple[str, float, float, str, float]


@dataclass
class EventBatch:
    """One file's events: device, time, received (epoch seconds), kind, value, record."""

    source: str
    file: str
    records: int
    events: pd.DataFrame
    quarantined: list[Quarantined] = field(default_factory=list)


@dataclass
class LabelBatch:
    """One file's labels, as in schema.LABELS; record: (n,) of each."""

    source: str
    file: str
    records: int
    labels: pa.Table
    record: NDArray[np.int64]
    quarantined: list[Quarantined] = field(default_factory=list)


def decode_events(records: Records, source: SourceSpec, mapping: SourceMap) -> EventBatch:
    """The events of a log."""

    def read(fields: dict[str, Any]) -> _Found:
        device = device_of(fields, mapping.device)
        time, received = times_of(fields, mapping, device)
        kind = fill(source.event, fields)
        if kind is None:
            raise DecodeError("no_event", f"no event: {source.event!r} needs a field that is absent or empty")
        value = number(lookup(fields, source.value)) if source.value else math.nan
        if value is None:
            raise DecodeError("not_a_number", f"{lookup(fields, source.value or '')!r} is not a number", source.value)
        return device, time, time + source.delay_s if math.isnan(received) else received, kind, value

    return _batch(records, mapping.name, read)


def decode_labels(records: Records, source: SourceSpec, mapping: SourceMap) -> LabelBatch:
    """The intervals of a file of labels; of one moment where the mapping has no `until`."""
    until = source.until
    rows: list[tuple[Any, ...]] = []

    def read(fields: dict[str, Any]) -> _Found:
        device = device_of(fields, mapping.device)
        time, received = times_of(fields, mapping, device)
        end = time if until is None else read_time(fields, until, "time") - mapping.clock.get(device, 0.0)
        label, by = fill(source.label, fields), fill(source.by or mapping.name, fields)
        if label is None or by is None:
            raise DecodeError("no_label", f"no label: {source.label!r} needs a field that is absent or empty")
        if end < time:
            raise DecodeError(
                "bad_time", f"the label {label!r} ends before it begins", None if until is None else until.field
            )
        rows.append((device, time, end, label, end + source.delay_s if math.isnan(received) else received, by))
        return device, time, time, label, math.nan

    batch = _batch(records, mapping.name, read)
    columns: Any = list(zip(*rows, strict=True)) or [()] * len(LABELS)
    arrays = [
        pa.array(microseconds(c)).cast(MOMENT) if t == MOMENT else pa.array(c, t)
        for c, t in zip(columns, LABELS.types, strict=True)
    ]
    labels = pa.Table.from_arrays(arrays, schema=LABELS)
    return LabelBatch(
        batch.source, batch.file, batch.records, labels, batch.events["record"].to_numpy(), batch.quarantined
    )


def across_files(told: pd.DataFrame, period_s: float) -> pd.DataFrame:
    """Intervals that rows of several files tell, as one where no row can be missing between them.

    told: as schema.LABELS, with `file`; an interval goes on in the next one of its device, label and teller, of another
    file, that begins at most one and a half periods later.
    """
    keys = ["device", "by", "label"]
    ordered = told.sort_values([*keys, "from", "to"], kind="stable", ignore_index=True)
    if len(ordered) < 2:
        return ordered
    reach = ordered.groupby(keys, sort=False)["to"].cummax().shift()
    same = (ordered[keys] == ordered[keys].shift()).all(axis=1) & (ordered["file"] != ordered["file"].shift())
    goes_on = same & (ordered["from"] <= reach + pd.Timedelta(seconds=1.5 * period_s))
    runs = ordered.groupby((~goes_on).cumsum(), sort=False)
    first = {name: (name, "first") for name in keys}
    return runs.agg(**first, **{"from": ("from", "min"), "to": ("to", "max"), "received": ("received", "max")})


def all_labels(parts: list[pa.Table]) -> pa.Table:
    """Labels of all files: each once, by device and time."""
    if not parts:
        return LABELS.empty_table()
    every = pa.concat_tables(parts)
    keys = ["device", "from", "to", "label", "by"]
    once = every.group_by(keys, use_threads=False).aggregate([("received", "min")])
    named = once.rename_columns([name.removesuffix("_min") for name in once.column_names])
    return named.select(LABELS.names).cast(LABELS).sort_by([(key, "ascending") for key in keys])


def decode_endings(
    records: Records, source: SourceSpec, mapping: SourceMap, last: dict[str, float], period_s: float
) -> EventBatch:
    """Events a stated number of periods after each device's last row. last: device -> epoch seconds."""
    ending = source.ending or Ending()

    def read(fields: dict[str, Any]) -> _Found:
        device = device_of(fields, mapping.device)
        left = number(lookup(fields, ending.field or ""))
        if left is None or not 0 <= left < math.inf:
            raise DecodeError(
                "not_a_number", f"periods left must be a number >= 0, got {lookup(fields, ending.field or '')!r}"
            )
        if device not in last:
            raise DecodeError("unknown_device", f"no row of device {device!r}: it cannot be told when it ends")
        time = last[device] + left * period_s
        return device, time, time, ending.event, math.nan

    return _batch(records, mapping.name, read)


def _batch(records: Records, source: str, read: Any) -> EventBatch:
    found: list[_Found] = []
    lines: list[int] = []
    quarantined = list(records.quarantined)
    for line, raw, fields in records.found:
        try:
            found.append(read(fields))
            lines.append(line)
        except DecodeError as error:
            quarantined.append(Quarantined(line, None, error.rule, error.reason, raw))
    columns: Any = list(zip(*found, strict=True)) if found else [()] * len(COLUMNS)
    kinds = ("str", "float64", "float64", "str", "float64")
    data = {name: pd.Series(list(c), dtype=d) for name, c, d in zip(COLUMNS, columns, kinds, strict=True)}
    events = pd.DataFrame(data).assign(record=np.asarray(lines, dtype=np.int64))
    return EventBatch(source, records.file, records.records, events, quarantined)
