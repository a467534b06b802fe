"""A table's columns → rows, by the device's own functions, each called once for every different cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.check import not_a_number, out_of_range
from fleetloop_edge.decoders import clock
from fleetloop_edge.decoders.cell import absent, value_of
from fleetloop_edge.decoders.record import device_of, fill, holes
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap, TimeMap
from fleetloop_edge.spec import Channel
from pipelines.ingest.batch import Batch, Quarantined, rows_of
from pipelines.ingest.table import Table

T = TypeVar("T")


def decode_columns(table: Table, file: str, stem: str, source: SourceMap, channels: dict[str, Channel]) -> Batch:
    """Rows of a table; equal, record for record, to `read_record`, `check` and `build_rows` on the device."""
    columns = table.columns | {"row": table.columns.get("row", [str(place) for place in table.places])}
    columns.setdefault("file", [stem] * len(table.lines))
    devices = _each(lambda fields: device_of(fields, source.device), columns, holes(source.device), len(table.lines))
    times = _times(columns[source.time.field], source.time, "time")
    received = _received(columns, source, len(table.lines))
    quarantined = list(table.quarantined)
    good = []
    for i, parts in enumerate(zip(devices, times, received, strict=True)):
        trouble = next((part for part in parts if isinstance(part, DecodeError)), None)
        if trouble is None:
            good.append(i)
        else:
            quarantined.append(Quarantined(table.lines[i], None, trouble.rule, trouble.reason, table.raw[i]))
    keep = np.asarray(good, dtype=np.int64)
    values = np.full((len(keep), len(channels)), np.nan, dtype=np.float32)
    for place, (name, channel) in enumerate(channels.items()):
        if name in source.channels:
            cells = columns[source.channels[name].field]
            values[:, place], bad = _channel([cells[i] for i in good], source, channel)
            quarantined += [Quarantined(table.lines[keep[i]], name, *why, table.raw[keep[i]]) for i, why in bad]
    time = np.asarray([times[i] for i in good], dtype=np.float64)
    arrival = np.asarray([received[i] for i in good], dtype=np.float64)
    arrival = np.where(np.isnan(arrival), time + source.delay_s, arrival)
    about = {name: _about(columns, template, good) for name, template in _templates(source)}
    lines = np.asarray(table.lines, dtype=np.int64)[keep]
    rows = rows_of([devices[i] for i in good], time, arrival, values, about, lines, tuple(channels))
    return Batch(source.name, file, table.records, rows, quarantined)


def _templates(source: SourceMap) -> Iterable[tuple[str, str | None]]:
    return (("site", source.site), ("vendor", source.vendor), ("firmware", source.firmware))


def _about(columns: dict[str, list[str]], template: str | None, good: list[int]) -> Sequence[str | None]:
    needed = holes(template) if template else ()
    chosen = {name: [columns[name][i] for i in good] for name in needed}
    return _each(lambda fields: fill(template, fields), chosen, needed, len(good))


def _each(
    function: Callable[[dict[str, Any]], T], columns: dict[str, list[str]], names: tuple[str, ...], count: int
) -> list[Any]:
    """function(fields) for every record, computed once for each different set of fields; its DecodeError in place."""
    known: dict[tuple[str, ...], Any] = {}
    keys = zip(*(columns[name] for name in names), strict=True) if names else ((),) * count
    answers = []
    for key in keys:
        if key not in known:
            try:
                known[key] = function(dict(zip(names, key, strict=True)))
            except DecodeError as error:
                known[key] = error
        answers.append(known[key])
    return answers


def _times(cells: list[str], spec: TimeMap, what: str) -> list[Any]:
    return _each(lambda fields: clock.read(fields["t"], spec, what), {"t": cells}, ("t",), len(cells))


def _received(columns: dict[str, list[str]], source: SourceMap, count: int) -> list[Any]:
    spec = source.received
    if spec is None:
        return [math.nan] * count

    def read(fields: dict[str, Any]) -> float:
        return math.nan if absent(fields["t"]) else clock.read(fields["t"], spec, "received")

    return _each(read, {"t": columns[spec.field]}, ("t",), count)


def _channel(
    cells: list[str], source: SourceMap, channel: Channel
) -> tuple[NDArray[np.float32], list[tuple[int, tuple[str, str]]]]:
    """One channel's canonical values, and where and why a cell was not believed."""
    mapped = source.channels[channel.name]
    answers = _each(lambda fields: value_of(fields["v"], source.missing), {"v": cells}, ("v",), len(cells))
    values = np.asarray([value for value, _ in answers], dtype=np.float64) * mapped.scale + mapped.offset
    bad: list[tuple[int, tuple[str, str]]] = [
        (i, not_a_number(raw)) for i, (_, raw) in enumerate(answers) if raw is not None
    ]
    outside = (values < channel.min) | (values > channel.max)
    bad += [(int(i), out_of_range(float(values[i]), channel)) for i in np.flatnonzero(outside)]
    values[outside] = np.nan
    return values.astype(np.float32), bad
