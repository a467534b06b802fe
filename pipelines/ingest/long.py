"""One channel a record: records of one device and time are merged into one row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.decoders.cell import BLANK, shown
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.spec import Channel
from pipelines.ingest.batch import UNSAID, Batch, Parts, Quarantined, Rows, Words
from pipelines.ingest.fields import Fields
from pipelines.ingest.numbers import channel_values, sent, totals_of
from pipelines.ingest.table import Table

Ints = NDArray[np.int64]


def merged(
    table: Table,
    file: str,
    fields: Fields,
    keep: Ints,
    rows: Rows,
    source: SourceMap,
    channels: dict[str, Channel],
    quarantined: list[Quarantined],
) -> Batch:
    """The rows of records that each name a channel. rows: those of `keep`, one a record, still without values.

    A channel said twice at one moment makes a second row, which the rule for duplicates then judges. A record of a
    channel that the mapping does not know is set aside whole.
    """
    assert source.long is not None
    names = list(source.channels)
    of = _channels(fields.words(source.long.name), source)[keep]
    quarantined += [_unknown(fields, table, int(row), source) for row in keep[of < 0]]
    known = np.flatnonzero(of >= 0)
    of, keep = of[known], keep[known]
    row, first = _rows(rows.device.codes[known], rows.time[known], of)
    received = np.full(len(first), np.iinfo(np.int64).min)
    np.maximum.at(received, row, rows.received[known])
    uploaded = None
    if rows.uploaded is not None:
        uploaded = np.full(len(first), UNSAID)
        np.maximum.at(uploaded, row, rows.uploaded[known])
    values, totals = _values(fields, keep, of, row, len(first), table, source, channels, names, quarantined)
    made = Rows(
        device=Words(rows.device.words, rows.device.codes[known][first]),
        time=rows.time[known][first],
        received=received,
        record=rows.record[known][first],
        values=values,
        totals=totals,
        about={name: Words(w.words, w.codes[known][first]) for name, w in rows.about.items()},
        uploaded=uploaded,
    )
    return Batch(source.name, file, table.records, made, quarantined, Parts(row, rows.record[known]))


def _channels(names: Words, source: SourceMap) -> Ints:
    """(n,) which of the mapped channels each row names; -1 for another."""
    places = {mapped.field: i for i, mapped in enumerate(source.channels.values())}
    found: Ints = np.asarray([*(places.get(word.strip(BLANK), -1) for word in names.words), -1])[names.codes]
    return found


def _unknown(fields: Fields, table: Table, row: int, source: SourceMap) -> Quarantined:
    assert source.long is not None
    names, record = fields.words(source.long.name), int(fields.row[row])
    code = int(names.codes[row])
    said = names.words[code].strip(BLANK) if code >= 0 else ""
    rule, reason = "unknown_channel", f"no channel is mapped to {shown(said)!r}"
    if not said:
        rule, reason = "no_channel", f"no channel: the field {source.long.name!r} is absent or empty"
    return Quarantined(int(table.record[record]), None, rule, reason, table.raw(record))


def _rows(device: NDArray[np.int32], time: Ints, channel: Ints) -> tuple[Ints, Ints]:
    """Which row each record belongs to, and the first record of each row, in the order of the file."""
    order = np.lexsort((channel, time, device))
    d, t, c = device[order], time[order], channel[order]
    moment = np.ones(len(order), dtype=np.bool_)
    moment[1:] = (d[1:] != d[:-1]) | (t[1:] != t[:-1])
    again = np.zeros(len(order), dtype=np.int64)  # how often the channel was said before at this moment
    new = moment.copy()
    new[1:] |= c[1:] != c[:-1]
    start = np.flatnonzero(new)
    again = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
    group = np.empty(len(order), dtype=np.int64)
    group[order] = (np.cumsum(moment) - 1) * (int(again.max(initial=0)) + 1) + again
    _, first, row = np.unique(group, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[row], np.sort(first)


def _values(
    fields: Fields,
    keep: Ints,
    of: Ints,
    row: Ints,
    count: int,
    table: Table,
    source: SourceMap,
    channels: dict[str, Channel],
    names: list[str],
    quarantined: list[Quarantined],
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float64]]]:
    """Of each channel; and what those that are counters showed, unrounded."""
    assert source.long is not None
    cells = fields.array(source.long.value)
    found, totals = {}, {}
    for i, name in enumerate(names):
        places = np.flatnonzero(of == i)
        mapped = source.channels[name]
        verdicts = fields.array(mapped.quality).take(keep[places]) if mapped.quality else None
        own = cells.take(keep[places])
        said, bad = channel_values(own, verdicts, sent(channels[name], source), mapped, source)
        for place, (rule, reason) in bad:
            record = int(fields.row[keep[places[place]]])
            quarantined.append(Quarantined(int(table.record[record]), name, rule, reason, table.raw(record)))
        values = np.full(count, np.nan, dtype=np.float32)
        values[row[places]] = said
        found[name] = values
        if mapped.counter:
            totals[name] = np.full(count, np.nan)
            totals[name][row[places]] = totals_of(own, said, mapped)
    return found, totals
