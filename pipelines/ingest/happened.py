"""Events and labels of a dataset: those that logs tell, those that rows tell, and endings told by the last rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fleetloop_edge.mapping import SourceMap
from pipelines.ingest import schema
from pipelines.ingest.account import Fate, fate
from pipelines.ingest.batch import Joined, Parts
from pipelines.ingest.decode import decode_records
from pipelines.ingest.duplicates import DUPLICATE, KEPT, Status
from pipelines.ingest.events import EventBatch, LabelBatch, decode_endings, decode_events, decode_labels
from pipelines.ingest.quarantine import entries_of
from pipelines.ingest.source_files import RawFile
from pipelines.params import DatasetSpec

_ORDER = ["device", "time", "kind", "received"]


@dataclass
class Logged:
    """events: device, time, received (UTC), kind, value. labels: as in schema.LABELS. fates and quarantine: of each
    file, in the files' order."""

    events: pd.DataFrame
    labels: list[pa.Table] = field(default_factory=list)
    fates: list[tuple[str, str, Fate]] = field(default_factory=list)  # source, file
    quarantine: list[pd.DataFrame] = field(default_factory=list)


def logged(
    dataset: DatasetSpec,
    maps: Mapping[str, SourceMap],
    files: Mapping[str, Sequence[RawFile]],
    last: pd.DataFrame,
    version: Mapping[str, str],
) -> Logged:
    """Events of the logs and of the tables of endings, and labels; the same event said again is a duplicate.

    last: device, time of each device's last row.
    """
    seconds = {str(d): float(t.timestamp()) for d, t in last.groupby("device")["time"].max().items()}
    found = Logged(schema.EVENTS.empty_table().to_pandas())
    kept = []
    seen: set[tuple[object, ...]] = set()
    for key, source in dataset.sources.items():
        for file in files[key] if source.kind != "rows" else ():
            records = decode_records(file, source, maps[key])
            batch: EventBatch | LabelBatch
            if source.kind == "labels":
                batch = decode_labels(records, source, maps[key])
                counted = _fate(batch, batch.record, np.full(len(batch.record), KEPT, dtype=np.int8))
                found.labels.append(batch.labels)
            else:
                batch = (
                    decode_events(records, source, maps[key])
                    if source.kind == "events"
                    else decode_endings(records, source, maps[key], seconds, dataset.period_s)
                )
                new, counted = _enter(batch, seen)
                kept.append(new)
            found.fates.append((key, file.name, counted))
            found.quarantine.append(entries_of(key, file, batch.quarantined, version[key], None))
    some = [frame for frame in kept if len(frame)]
    if some:
        events = pd.concat(some, ignore_index=True)
        found.events = events.assign(time=schema.moments(events["time"]), received=schema.moments(events["received"]))
    return found


def all_events(dataset: DatasetSpec, log: pd.DataFrame, told: pd.DataFrame, last: pd.DataFrame) -> pd.DataFrame:
    """Events in their one order. told: by rows; last: device, source, time, received of the last rows."""
    ends = []
    for key, source in dataset.sources.items():
        if source.kind == "rows" and source.ending is not None and source.ending.field is None:
            own = last[last["source"] == key].sort_values(["device", "time", "received"])
            final = own.groupby("device", sort=True).tail(1)[["device", "time", "received"]]
            ends.append(final.assign(kind=source.ending.event, value=np.nan))
    some = [frame[schema.EVENTS.names] for frame in (log, told, *ends) if len(frame)]
    events = pd.concat(some or [log], ignore_index=True)
    ordered: pd.DataFrame = events.sort_values(_ORDER, kind="stable", ignore_index=True)
    return ordered


def _enter(batch: EventBatch, seen: set[tuple[object, ...]]) -> tuple[pd.DataFrame, Fate]:
    status = np.full(len(batch.events), KEPT, dtype=np.int8)
    for i, key in enumerate(_keys(batch.events)):
        status[i] = DUPLICATE if key in seen else KEPT
        seen.add(key)
    counted = _fate(batch, batch.events["record"].to_numpy(dtype=np.int64), status)
    return batch.events[status == KEPT].drop(columns="record"), counted


def _fate(batch: EventBatch | LabelBatch, record: NDArray[np.int64], status: Status) -> Fate:
    parts = Parts(np.arange(len(record)), record)
    return fate(batch.source, Joined(batch.file, batch.records, parts, batch.quarantined), record, status)


def _keys(events: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    values = (None if np.isnan(value) else value for value in events["value"])  # NaN equals nothing, itself included
    return zip(events["device"], events["time"], events["kind"], values, strict=True)
