"""Raw payloads of any vendor → rows, events, labels, devices and quarantine; nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.spec import spec_hash
from pipelines.errors import DataError, ParamsError
from pipelines.ingest import schema, store
from pipelines.ingest.account import Fate, accounting, channel_statistics, fate
from pipelines.ingest.batch import ABOUT, Batch, Joined, Quarantined, Words
from pipelines.ingest.compile import channels_of, compile_source
from pipelines.ingest.decode import check_decoder, decode_records, decode_rows
from pipelines.ingest.devices import devices_of
from pipelines.ingest.duplicates import CONFLICT, CONFLICT_RULE, DUPLICATE, KEPT, Status, judge
from pipelines.ingest.events import (
    EventBatch,
    LabelBatch,
    all_labels,
    decode_endings,
    decode_events,
    decode_labels,
    last_row_events,
)
from pipelines.ingest.source_files import RawFile, files_of
from pipelines.params import DatasetSpec

PART_ROWS = 250_000  # quarantine entries a file


@dataclass
class _Ledger:
    """What has been counted and set aside so far."""

    fates: list[Fate] = field(default_factory=list)
    aside: list[tuple[str, str, Quarantined]] = field(default_factory=list)  # source, file, entry
    events: list[pa.Table] = field(default_factory=list)  # that rows told
    labels: list[pa.Table] = field(default_factory=list)

    def enter(self, source: str, origin: Joined | EventBatch | LabelBatch, record: Any, status: Status) -> None:
        """record, status: of each part of a row."""
        self.fates.append(fate(source, origin.file, origin.records, record, status, origin.quarantined))
        self.aside += [(source, origin.file, entry) for entry in origin.quarantined]


def ingest(name: str, dataset: DatasetSpec, raw: Path, tables: Path) -> dict[str, Any]:
    """Fill `tables` from the files below `raw`; the report (accounting, statistics by channel).

    The same files give the same bytes, whatever order they came in. Raises DataError or ParamsError.
    """
    maps = _maps(name, dataset)
    files = _files(name, dataset, raw)
    ledger = _Ledger()
    rows = _rows(dataset, maps, files, ledger)
    if rows.empty:
        raise DataError(f"{raw}: not one row could be read; the first reason: {_first_reason(ledger)}")
    events = _events(dataset, maps, files, rows, ledger)
    _write(dataset, tables, rows, events, ledger, maps)
    channels = tuple(dataset.channels)
    counts = accounting(ledger.fates)
    found = {"rows": len(rows), "devices": int(rows["device"].nunique()), "events": len(events)}
    return counts | found | {"channels": channel_statistics(rows, channels)}


def _maps(name: str, dataset: DatasetSpec) -> dict[str, SourceMap]:
    try:
        return {key: compile_source(key, source, dataset) for key, source in dataset.sources.items()}
    except ParamsError as error:
        raise ParamsError(f"params.yaml: datasets.{name}.{error}") from None


def _files(name: str, dataset: DatasetSpec, raw: Path) -> dict[str, list[RawFile]]:
    for key, source in dataset.sources.items():
        check_decoder(source, f"params.yaml: datasets.{name}.sources.{key}")
    return {key: files_of(key, source, name, dataset, raw) for key, source in dataset.sources.items()}


def _rows(
    dataset: DatasetSpec, maps: dict[str, SourceMap], files: dict[str, list[RawFile]], ledger: _Ledger
) -> pd.DataFrame:
    """Accepted rows of all sources, with times as UTC and the source that sent them."""
    channels = channels_of(dataset)
    sources = {key: source for key, source in dataset.sources.items() if source.kind == "rows"}
    decoded = [
        (file, batch)
        for key, source in sources.items()
        for file in files[key]
        for batch in decode_rows(file, source, maps[key], channels)
    ]
    if not decoded:
        raise ParamsError("the dataset has no source of kind rows; add one to its sources in params.yaml")
    batches = [batch for _, batch in decoded]
    every = pd.concat([_frame(b, tuple(channels)) for b in batches], ignore_index=True)
    status = judge(every, tuple(channels))
    start = 0
    for file, batch in decoded:
        stop = start + len(batch.rows)
        for origin in batch.origins():
            fell = status[start:stop][origin.parts.row]
            _set_aside_conflicts(file.beside(origin.file), origin, every.iloc[start:stop], fell)
            ledger.enter(batch.source, origin, origin.parts.record, fell)
        ledger.events += [] if batch.events is None else [batch.events]
        ledger.labels += [] if batch.labels is None else [batch.labels]
        start = stop
    kept: pd.DataFrame = every[status == KEPT].reset_index(drop=True)
    return kept


def _frame(batch: Batch, channels: tuple[str, ...]) -> pd.DataFrame:
    rows = batch.rows
    columns: dict[str, Any] = {
        "device": _text(rows.device),
        "time": schema.utc(rows.time),
        "received": schema.utc(rows.received),
    }
    nothing = np.full(len(rows), np.nan, dtype=np.float32)
    columns |= {name: rows.values.get(name, nothing) for name in channels}
    columns |= {name: _text(rows.about[name]) if name in rows.about else None for name in ABOUT}
    return pd.DataFrame(columns | {"record": rows.record}).assign(source=batch.source, file=batch.file)


def _text(column: Words) -> Any:
    return pd.array([*column.words, None], dtype="str").take(column.codes)


def _set_aside_conflicts(file: RawFile, origin: Joined, rows: pd.DataFrame, fell: Status) -> None:
    """The losers go to the quarantine; they are few, so their lines are read once more. fell: of each part."""
    lost = fell == CONFLICT
    losers = rows.iloc[origin.parts.row[lost]]
    for record, device, time in zip(origin.parts.record[lost].tolist(), losers["device"], losers["time"], strict=True):
        reason = f"another record of {device!r} at {time.isoformat()} says otherwise and was received first"
        origin.quarantined.append(Quarantined(record, None, CONFLICT_RULE, reason, file.line(record)))


def _events(
    dataset: DatasetSpec,
    maps: dict[str, SourceMap],
    files: dict[str, list[RawFile]],
    rows: pd.DataFrame,
    ledger: _Ledger,
) -> pd.DataFrame:
    seconds = rows.groupby("device")["time"].max().map(lambda t: t.timestamp())
    last = {str(device): float(at) for device, at in seconds.items()}
    batches: list[EventBatch] = []
    for key, source in dataset.sources.items():
        for file in files[key] if source.kind != "rows" else ():
            records = decode_records(file, source, maps[key])
            if source.kind == "labels":
                labels = decode_labels(records, source, maps[key])
                ledger.enter(key, labels, labels.record, np.full(len(labels.record), KEPT, dtype=np.int8))
                ledger.labels.append(labels.labels)
            elif source.kind == "events":
                batches.append(decode_events(records, source, maps[key]))
            else:
                batches.append(decode_endings(records, source, maps[key], last, dataset.period_s))
    told = [table.to_pandas() for table in ledger.events]
    told += [_logged(batches, ledger), *_told_by_last_rows(dataset, rows)]
    every: pd.DataFrame = pd.concat(told, ignore_index=True)
    return every


def _logged(batches: list[EventBatch], ledger: _Ledger) -> pd.DataFrame:
    """Events of the logs; the same event said again is a duplicate."""
    kept = []
    seen: set[tuple[object, ...]] = set()
    for batch in batches:
        status = np.full(len(batch.events), KEPT, dtype=np.int8)
        for i, key in enumerate(_event_keys(batch.events)):
            status[i] = DUPLICATE if key in seen else KEPT
            seen.add(key)
        ledger.enter(batch.source, batch, batch.events["record"].to_numpy(), status)
        kept.append(batch.events[status == KEPT])
    if not kept:
        empty: pd.DataFrame = schema.EVENTS.empty_table().to_pandas()
        return empty
    events: pd.DataFrame = pd.concat(kept, ignore_index=True)
    return events.assign(time=schema.moments(events["time"]), received=schema.moments(events["received"]))


def _event_keys(events: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    values = (None if np.isnan(value) else value for value in events["value"])  # NaN equals nothing, itself included
    return zip(events["device"], events["time"], events["kind"], values, strict=True)


def _told_by_last_rows(dataset: DatasetSpec, rows: pd.DataFrame) -> list[pd.DataFrame]:
    told = []
    for key, source in dataset.sources.items():
        if source.kind == "rows" and source.ending is not None and source.ending.field is None:
            told.append(last_row_events(rows[rows["source"] == key], source.ending.event))
    return told


def _write(
    dataset: DatasetSpec,
    tables: Path,
    rows: pd.DataFrame,
    events: pd.DataFrame,
    ledger: _Ledger,
    maps: dict[str, SourceMap],
) -> None:
    store.write_rows(tables / "rows", rows, tuple(dataset.channels), dataset.storage)
    sides = {key: source.side for key, source in dataset.sources.items()}
    ordered = events.sort_values(["device", "time", "kind", "received"], kind="stable")
    store.write_changed(tables / "events.parquet", schema.to_table(ordered, schema.EVENTS))
    store.write_changed(tables / "labels.parquet", all_labels(ledger.labels))
    store.write_changed(tables / "devices.parquet", schema.to_table(devices_of(rows, sides), schema.DEVICES))
    fates = pd.DataFrame([vars(f) for f in ledger.fates]).sort_values(["source", "file"])
    store.write_changed(tables / "files.parquet", schema.to_table(fates, schema.FILES))
    _write_quarantine(tables / "quarantine", ledger, {key: spec_hash(m)[:16] for key, m in maps.items()})


def _write_quarantine(folder: Path, ledger: _Ledger, mapping: dict[str, str]) -> None:
    entries = [
        (source, file, e.record, e.channel, e.rule, e.reason, e.raw, mapping[source])
        for source, file, e in ledger.aside
    ]
    entries.sort(key=lambda e: (e[0], e[1], e[2], e[3] or "", e[4], e[5]))
    names = set()
    for part, start in enumerate(range(0, max(len(entries), 1), PART_ROWS)):
        columns = list(zip(*entries[start : start + PART_ROWS], strict=True)) or [()] * len(schema.QUARANTINE)
        arrays = [pa.array(list(c), t) for c, t in zip(columns, schema.QUARANTINE.types, strict=True)]
        names.add(f"part-{part:04d}.parquet")
        table = pa.Table.from_arrays(arrays, schema=schema.QUARANTINE)
        store.write_changed(folder / f"part-{part:04d}.parquet", table)
    for stale in folder.glob("part-*.parquet"):
        if stale.name not in names:
            stale.unlink()


def _first_reason(ledger: _Ledger) -> str:
    if not ledger.aside:
        return "there is no record in them"
    _, file, entry = ledger.aside[0]
    return f"{file} row {entry.record}: {entry.reason}"
