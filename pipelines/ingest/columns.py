"""A table's columns → rows: the device's decode, check and build_rows at array speed, held equal by property tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.decoders.record import device_of, holes
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.spec import Channel
from pipelines.ingest import times
from pipelines.ingest.batch import Batch, Quarantined, Rows, Words
from pipelines.ingest.fields import Fields, coded
from pipelines.ingest.long import merged
from pipelines.ingest.numbers import channel_values, sent, totals_of
from pipelines.ingest.spread import Wide
from pipelines.ingest.table import Table
from pipelines.ingest.tells import told_events, told_labels
from pipelines.params import EventColumn, LabelColumn

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tells:
    """Columns that tell of events and labels beside the channels. by: template, who says so."""

    events: dict[str, EventColumn]
    labels: dict[str, LabelColumn]
    by: str | None


def decode_columns(
    table: Table,
    file: str,
    given: dict[str, str],
    source: SourceMap,
    channels: dict[str, Channel],
    wide: Wide | None = None,
    tells: Tells | None = None,
) -> Batch:
    """Rows of a table. given: fields that stand for the whole file. wide: cells that are rows of their own."""
    fields = Fields(table, given, source.fields, wide)
    device, trouble = _devices(fields, source)
    time = times.measured(fields, source, device)
    arrival = times.received(fields, source, time.micros)
    upload = times.uploaded(fields, source)
    for found in (time.trouble, arrival.trouble, upload.trouble if upload else {}):
        trouble = found | trouble
    quarantined = list(table.quarantined)
    keep = _kept(fields, table, trouble, quarantined)
    rows = Rows(
        device=_some(device, keep),
        time=time.micros[keep],
        received=arrival.micros[keep],
        record=table.record[fields.row[keep]],
        values={},
        about={name: _some(fields.template(t), keep) for name, t in _about(source) if t is not None},
        uploaded=None if upload is None else upload.micros[keep],
    )
    if source.long is not None:
        return merged(table, file, fields, keep, rows, source, channels, quarantined)
    values, totals = {}, {}
    for name, channel in channels.items():
        if name in source.channels:
            values[name] = _channel(fields, keep, table, sent(channel, source), source, quarantined)
            if source.channels[name].counter:
                cells = fields.array(source.channels[name].field).take(keep)
                totals[name] = totals_of(cells, values[name], source.channels[name])
    rows = replace(rows, values=values, totals=totals)
    batch = Batch(source.name, file, table.records, rows, quarantined)
    if tells is not None:
        batch.events = told_events(fields, keep, rows, tells.events, table, quarantined)
        batch.labels = told_labels(fields, keep, rows, tells.labels, tells.by or source.name, table, quarantined)
    return batch


def _devices(fields: Fields, source: SourceMap) -> tuple[Words, dict[int, DecodeError]]:
    answers, codes = fields.each(partial(device_of, template=source.device), holes(source.device))
    bad = np.array([isinstance(answer, DecodeError) for answer in answers], dtype=np.bool_)
    if not bad.any():
        return coded(answers, codes), {}
    rows = np.flatnonzero(bad[codes])
    return coded(answers, codes), {int(row): answers[codes[row]] for row in rows}


def _kept(fields: Fields, table: Table, trouble: dict[int, DecodeError], quarantined: list[Quarantined]) -> Ints:
    """Rows that can be placed. A record with one that cannot is set aside whole."""
    if not trouble:
        return np.arange(len(fields))
    first: dict[int, DecodeError] = {}
    for row in sorted(trouble):
        first.setdefault(int(fields.row[row]), trouble[row])
    for place, error in first.items():
        quarantined.append(Quarantined(int(table.record[place]), None, error.rule, error.reason, table.raw(place)))
    good = np.ones(len(table), dtype=np.bool_)
    good[list(first)] = False
    return np.flatnonzero(good[fields.row])


def _channel(
    fields: Fields,
    keep: Ints,
    table: Table,
    channel: Channel,
    source: SourceMap,
    quarantined: list[Quarantined],
) -> NDArray[np.float32]:
    mapped = source.channels[channel.name]
    whole = len(keep) == len(fields)
    cells = fields.array(mapped.field)
    verdicts = fields.array(mapped.quality) if mapped.quality else None
    if not whole:
        cells = cells.take(keep)
        verdicts = None if verdicts is None else verdicts.take(keep)
    values, bad = channel_values(cells, verdicts, channel, mapped, source)
    for place, (rule, reason) in bad:
        record = int(fields.row[keep[place]])
        quarantined.append(Quarantined(int(table.record[record]), channel.name, rule, reason, table.raw(record)))
    return values


def _about(source: SourceMap) -> Iterable[tuple[str, str | None]]:
    return (("site", source.site), ("vendor", source.vendor), ("firmware", source.firmware))


def _some(column: Words, rows: Ints) -> Words:
    return Words(column.words, column.codes[rows])
