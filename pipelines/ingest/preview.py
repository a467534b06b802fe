"""A mapping tried on the beginning of each source's first file: rows, channels, times, and what was set aside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import DataError, ParamsError
from pipelines.ingest.batch import Batch, Quarantined
from pipelines.ingest.clocks import jumps, turns
from pipelines.ingest.compile import channels_of, compile_source
from pipelines.ingest.decode import check_decoder, decode_records, decode_rows
from pipelines.ingest.schema import utc
from pipelines.ingest.source_files import RawFile, files_of
from pipelines.params import DatasetSpec, SourceSpec

MOST = 24 << 20  # bytes of a file
FIRST, TROUBLES, BINS = 5, 8, 48
_KEYS = {
    "column_count": "table", "encoding": "table.encoding", "no_device": "device", "no_time": "time",
    "bad_time": "time", "bad_received": "received", "bad_uploaded": "uploaded", "no_partner": "join",
    "unknown_channel": "channels", "no_channel": "channels", "no_event": "event",
    "no_label": "label", "not_a_number": "missing",
}  # fmt: skip
"""Which key of its source corrects what was set aside by a rule."""


@dataclass(frozen=True)
class ChannelView:
    """One channel: what was seen, in its canonical unit, and its course over the first device's time."""

    name: str
    unit: str
    low: float | None
    high: float | None
    missing: float  # share of the rows
    aside: int  # cells
    course: list[float | None]  # BINS means


@dataclass
class SourceView:
    """One source's first file. first: rows as text, below `header`. steps: usual, shortest and longest seconds."""

    source: str
    kind: str
    file: str
    files: int
    whole: bool  # the file was read to its end
    records: int = 0
    rows: int = 0
    devices: int = 0
    aside: int = 0  # records
    header: list[str] = field(default_factory=list)
    first: list[list[str]] = field(default_factory=list)
    channels: list[ChannelView] = field(default_factory=list)
    steps: tuple[float, float, float] | None = None
    gaps: int = 0
    span: tuple[str, str] | None = None
    labels: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


def preview(name: str, dataset: DatasetSpec, raw: Path) -> list[SourceView]:
    """Every source of a dataset, tried. raw: where its files lie. Raises DataError or ParamsError."""
    views = []
    for key, source in dataset.sources.items():
        path = f"datasets.{name}.sources.{key}"
        check_decoder(source, f"params.yaml: {path}")
        files = files_of(key, source, name, dataset, raw)
        first = replace(files[0], most=MOST)
        view = SourceView(key, source.kind, first.name, len(files), first.path.stat().st_size <= MOST)
        try:
            (_rows if source.kind == "rows" else _records)(view, first, source, key, dataset, f"datasets.{name}")
        except DataError as error:
            raise DataError(f"{error} (params.yaml: {path})") from None
        except ParamsError as error:
            raise ParamsError(f"params.yaml: datasets.{name}.{error}") from None
        views.append(view)
    return views


def _rows(view: SourceView, file: RawFile, source: SourceSpec, key: str, dataset: DatasetSpec, path: str) -> None:
    channels = channels_of(dataset)
    batches = list(decode_rows(file, source, compile_source(key, source, dataset), channels))
    batch = max(batches, key=lambda one: len(one.rows))
    rows = batch.rows
    view.records, view.rows = sum(one.records for one in batches), sum(len(one.rows) for one in batches)
    view.devices = len(np.unique(rows.device.codes))
    aside = [(one.file, entry) for one in batches for entry in one.quarantined]
    aside += [(other.file, entry) for one in batches for other in one.joined for entry in other.quarantined]
    view.aside = sum(entry.channel is None for _, entry in aside)
    cells = Counter(entry.channel for _, entry in aside)
    order = np.lexsort((rows.time, rows.device.codes))
    own = order[rows.device.codes[order] == rows.device.codes[order[0]]] if len(order) else order
    for name, channel in channels.items():
        values = rows.values.get(name)
        if values is not None:
            view.channels.append(_channel(name, channel.unit, values, own, cells[name]))
    _times(view, rows.time[own])
    view.header = ["device", "time", *(c.name for c in view.channels)]
    view.first = [_row(batch, i, view.header[2:]) for i in range(min(FIRST, len(rows)))]
    view.labels, view.events = _counted(batch.labels, "label"), _counted(batch.events, "kind")
    _troubles(view, aside, path)
    if source.received is not None:
        _clock(view, rows.time[own], rows.received[own], f"{path}.sources.{key}.clock", dataset.period_s)
    back = len(turns(rows.time, rows.device.codes))
    if back:
        view.troubles.append(f"{back:,} rows are earlier than the row before of their device: late, or begun again")


def _clock(view: SourceView, time: NDArray[np.int64], received: NDArray[np.int64], key: str, period_s: float) -> None:
    for row, by in jumps(time, received, int(period_s * 1e6)):
        view.troubles.append(
            f"the first device's clock jumps by {by / 1e6:+g} s at {_shown(int(time[row]))}; "
            f"a clock is corrected only by {key}"
        )


def _records(view: SourceView, file: RawFile, source: SourceSpec, key: str, dataset: DatasetSpec, path: str) -> None:
    found = decode_records(file, source, compile_source(key, source, dataset))
    view.records, view.rows, view.aside = found.records, len(found.found), len(found.quarantined)
    view.header = list(found.found[0][2])[:12] if found.found else []
    view.first = [[str(fields.get(name, ""))[:24] for name in view.header] for _, _, fields in found.found[:FIRST]]
    _troubles(view, [(found.file, entry) for entry in found.quarantined], path)


def _channel(name: str, unit: str, values: NDArray[np.float32], own: NDArray[np.int64], aside: int) -> ChannelView:
    seen = values[np.isfinite(values)].astype(np.float64)
    course = [float(p[np.isfinite(p)].mean()) if np.isfinite(p).any() else None
              for p in np.array_split(values[own], min(BINS, max(len(own), 1)))]  # fmt: skip
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (None, None)
    return ChannelView(name, unit, low, high, 1 - len(seen) / max(len(values), 1), aside, course)


def _times(view: SourceView, time: NDArray[np.int64]) -> None:
    """Steps of the first device. A gap is a step longer than one and a half usual ones."""
    if not len(time):
        return
    view.span = (_shown(int(time[0])), _shown(int(time[-1])))
    steps = np.diff(time) / 1e6
    if len(steps):
        usual = float(np.median(steps))
        view.steps = (usual, float(steps.min()), float(steps.max()))
        view.gaps = int((steps > 1.5 * usual).sum())


def _row(batch: Batch, place: int, channels: list[str]) -> list[str]:
    rows = batch.rows
    values = [float(rows.values[name][place]) for name in channels]
    shown = ["" if value != value else f"{value:.5g}" for value in values]
    return [rows.device.words[rows.device.codes[place]], _shown(int(rows.time[place])), *shown]


def _shown(micros: int) -> str:
    """A moment of UTC, to the second where it is whole."""
    text = utc(np.array([micros], dtype=np.int64))[0].tz_localize(None).isoformat(" ")
    return text.removesuffix("000") if "." in text else text


def _counted(table: pa.Table | None, column: str) -> dict[str, int]:
    return {} if table is None else dict(Counter(table.column(column).to_pylist()).most_common(12))


def _troubles(view: SourceView, aside: list[tuple[str, Quarantined]], path: str) -> None:
    """The first of each kind of trouble, with where to look and what to edit."""
    counts = Counter((entry.rule, entry.channel) for _, entry in aside)
    told: set[Any] = set()
    for file, entry in aside:
        kind = (entry.rule, entry.channel)
        if kind in told or len(told) == TROUBLES:
            continue
        told.add(kind)
        column = f", {entry.channel}" if entry.channel else ""
        more = f" ({counts[kind]:,} like it)" if counts[kind] > 1 else ""
        view.troubles.append(f"{file} row {entry.record}{column}: {entry.reason}{more}; see {_key(view, entry, path)}")


def _key(view: SourceView, entry: Quarantined, path: str) -> str:
    if entry.rule in ("out_of_range", "unknown_unit"):
        return f"{path}.channels.{entry.channel}"
    if entry.rule == "unknown_label":
        return f"{path}.sources.{view.source}.labels.{entry.channel}.values"
    return f"{path}.sources.{view.source}.{_KEYS.get(entry.rule, 'decoder')}"
