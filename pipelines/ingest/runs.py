"""Decoded rows on their way to their parts: kept on disk, so that memory holds a few batches whatever came in.

A part is what one file of rows/ holds: the rows of a bucket and a span. A run is some hundred thousand rows as plain
columns, sorted by part: a file, or the same bytes in memory while there is room for them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.mapping import SourceMap
from pipelines.ingest.batch import ABOUT, UNSAID, Batch, Rows, Words
from pipelines.ingest.extents import Bytes, Extent, row_bytes, views
from pipelines.ingest.store import bucket_of, span_kind
from pipelines.params import DatasetSpec, Storage

RUN_ROWS = 1 << 17
HELD = 128 << 20
"""Bytes of runs that are kept in memory; later ones are written."""

KEYS: dict[str, Any] = {
    "device": np.int32,
    "origin": np.int32,
    "siblings": np.int32,
    "time": np.int64,
    "received": np.int64,
    "record": np.int64,
}
"""Columns of a run, before the channels. siblings: how many rows the row's record has."""

UPLOADED, TOTAL = "uploaded", "total:"
"""More columns, where a mapping asks for them: when the cloud got a row (UNSAID where nobody said so), and what a
cumulative counter showed (`total:<channel>`, NaN where none did)."""

Part = tuple[int, int]
"""Bucket, and span counted from 1970."""

Origin = tuple[str, str, str | None, str | None, str | None]
"""Source, file, site, vendor, firmware: what the rows of a device mostly share."""


@dataclass(frozen=True)
class Counter:
    """A channel that sources send as a cumulative counter. low, high: of an increment. rollover: by source, in the
    channel's unit; 0: none."""

    channel: str
    low: float
    high: float
    rollover: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Columns:
    """What the rows of a dataset hold. uploaded: whether any source says when the cloud got them. counters: channels
    that any source sends as a cumulative counter."""

    channels: tuple[str, ...]
    uploaded: bool = False
    counters: tuple[Counter, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """What the manifest says of them beside the channels; nothing where there is nothing beside."""
        counters = [counter.channel for counter in self.counters]
        return ({UPLOADED: True} if self.uploaded else {}) | ({"counters": counters} if counters else {})

    @property
    def keys(self) -> dict[str, Any]:
        """Columns before the channels, with their types."""
        totals = {f"{TOTAL}{counter.channel}": np.float64 for counter in self.counters}
        return KEYS | ({UPLOADED: np.int64} if self.uploaded else {}) | totals

    @property
    def kinds(self) -> dict[str, Any]:
        """All columns of a run, in order, with their types: wide ones first, so that each begins at a multiple."""
        kinds = self.keys | dict.fromkeys(self.channels, np.float32)
        return dict(sorted(kinds.items(), key=lambda item: -np.dtype(item[1]).itemsize))


def columns_of(dataset: DatasetSpec, maps: Mapping[str, SourceMap]) -> Columns:
    """What its rows hold. maps: the sources, compiled."""
    rollover: dict[str, list[tuple[str, float]]] = {}
    for key, compiled in maps.items():
        for name, field in compiled.channels.items():
            if field.counter:
                rollover.setdefault(name, []).append((key, field.rollover * field.scale))
    limits = dataset.channels
    counters = [Counter(n, limits[n].min, limits[n].max, tuple(rollover[n])) for n in limits if n in rollover]
    uploaded = any(compiled.uploaded is not None for compiled in maps.values())
    return Columns(tuple(dataset.channels), uploaded, tuple(counters))


@dataclass(frozen=True)
class Index:
    """What the codes in the runs mean."""

    devices: tuple[str, ...]
    origins: tuple[Origin, ...]

    def text(self) -> str:
        return json.dumps([self.devices, self.origins])

    @staticmethod
    def read(path: Path) -> Index:
        devices, origins = json.loads(path.read_text())
        return Index(tuple(devices), tuple(tuple(origin) for origin in origins))


class Runs:
    """Takes batches, from any thread, and sorts them by part."""

    def __init__(self, folder: Path, columns: Columns, storage: Storage, held: int = HELD) -> None:
        """folder: made here, for the runs. held: bytes of them that may stay in memory."""
        folder.mkdir(parents=True)
        self.parts: dict[Part, list[Extent]] = {}
        self._folder, self._held, self._storage = folder, columns, storage
        self._devices: dict[str, int] = {}
        self._buckets: list[int] = []
        self._origins: dict[Origin, int] = {}
        self._waiting: list[dict[str, NDArray[Any]]] = []
        self._count = 0
        self._room = held
        self._spare: list[Bytes] = []  # memory of runs that are written
        self._lock = threading.Lock()

    def add(self, batch: Batch) -> int:
        """Take a batch's rows; the number of records that they come from."""
        rows = batch.rows
        if not len(rows):
            return 0
        records, siblings = _siblings(rows.record)
        with self._lock:
            devices = np.array([self._device(name) for name in rows.device.words], dtype=np.int32)
            origin = self._origin(batch)
        columns: dict[str, NDArray[Any]] = {
            "device": devices[rows.device.codes],
            "origin": origin,
            "siblings": siblings,
        }
        columns |= {"time": rows.time, "received": rows.received, "record": rows.record}
        columns |= {name: rows.values[name] for name in self._held.channels if name in rows.values}
        columns |= _more(rows, self._held)
        with self._lock:
            self._waiting.append(columns)
            full = sum(len(piece["time"]) for piece in self._waiting) >= RUN_ROWS
        if full:
            self.flush()
        return records

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            pieces, self._waiting = self._waiting, []
            path = self._folder / f"{self._count}.run"
            self._count += bool(pieces)
            buckets = np.array(self._buckets, dtype=np.int32)
            spare = self._spare.pop() if self._spare else np.empty(0, dtype=np.uint8)
        if not pieces:
            return
        run, bounds = _sorted(pieces, self._held.kinds, buckets, self._storage, spare)
        with self._lock:
            held = run.nbytes <= self._room
            self._room -= run.nbytes if held else 0
        if not held:
            with path.open("wb") as file:
                file.write(run.data)  # not `tofile`: its error does not say that the disk is full
        rows = sum(len(piece["time"]) for piece in pieces)
        with self._lock:
            if not held:
                self._spare.append(run if run.base is None else run.base)
            for part, (start, stop) in bounds.items():
                self.parts.setdefault(part, []).append(Extent(run if held else path, rows, start, stop))

    def finish(self) -> None:
        """Write what still waits, and give back the memory that served: all batches are in."""
        self.flush()
        self._spare.clear()

    def index(self) -> Index:
        """What the codes in the runs mean."""
        return Index(tuple(self._devices), tuple(self._origins))

    def _device(self, name: str) -> int:
        if name not in self._devices:
            self._devices[name] = len(self._devices)
            self._buckets.append(bucket_of(name, self._storage.buckets))
        return self._devices[name]

    def _origin(self, batch: Batch) -> NDArray[np.int32]:
        """(n,) codes of the rows' origins."""
        said = [batch.rows.about.get(name, Words((), np.empty(0, np.int32))) for name in ABOUT]
        sizes = [len(column.words) + 1 for column in said]
        mixed = np.zeros(len(batch.rows), dtype=np.int64)
        for column, size in zip(said, sizes, strict=True):
            if len(column.codes):
                mixed = mixed * size + (column.codes.astype(np.int64) + 1)
            else:
                mixed *= size
        distinct, codes = (mixed[:1], np.zeros(len(mixed), dtype=np.int64)) if _constant(mixed) else _distinct(mixed)
        known = np.empty(len(distinct), dtype=np.int32)
        for i, code in enumerate(distinct.tolist()):
            words = []
            for column, size in zip(reversed(said), reversed(sizes), strict=True):
                code, word = divmod(code, size)
                words.append(column.words[word - 1] if word else None)
            origin: Origin = (batch.source, batch.file, words[2], words[1], words[0])
            known[i] = self._origins.setdefault(origin, len(self._origins))
        return known[codes]


def _more(rows: Rows, held: Columns) -> dict[str, NDArray[Any]]:
    """The columns that only some datasets have."""
    found: dict[str, NDArray[Any]] = {}
    if held.uploaded:
        found[UPLOADED] = np.full(len(rows), UNSAID) if rows.uploaded is None else rows.uploaded
    names = [counter.channel for counter in held.counters]
    found |= {f"{TOTAL}{name}": rows.totals[name] for name in names if name in rows.totals}
    return found


def _siblings(record: NDArray[np.int64]) -> tuple[int, NDArray[np.int32]]:
    """How many records there are, and (n,) how many rows each row's record has."""
    if len(record) < 2 or bool((record[1:] > record[:-1]).all()):
        return len(record), np.ones(len(record), dtype=np.int32)
    distinct, codes, counts = np.unique(record, return_inverse=True, return_counts=True)
    return len(distinct), counts[codes].astype(np.int32)


def _constant(codes: NDArray[np.int64]) -> bool:
    return bool((codes == codes[0]).all())


def _distinct(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    distinct, where = np.unique(codes, return_inverse=True)
    return distinct, where


def _sorted(
    pieces: list[dict[str, NDArray[Any]]], kinds: dict[str, Any], buckets: NDArray[np.int32], storage: Storage,
    spare: Bytes,
) -> tuple[Bytes, dict[Part, tuple[int, int]]]:  # fmt: skip
    """One run, its columns one after another, each sorted by part; and where each part's rows are. spare: memory that
    may be used for it."""
    from pipelines.ingest import kernels  # numba: only where it computes

    rows = sum(len(piece["time"]) for piece in pieces)
    span = kernels.spans_of(_joined(pieces, "time", np.int64), span_kind(storage))
    first, width = int(span.min()), int(span.max() - span.min()) + 1
    key = (buckets[_joined(pieces, "device", np.int32)] * np.int32(width) + (span - np.int32(first))).astype(np.int32)
    places, starts = kernels.places_by_key(key, storage.buckets * width)
    size = rows * row_bytes(kinds)
    if len(spare) < size:
        spare = np.empty(size + size // 4, dtype=np.uint8)  # the next run may be longer; what is not used costs nothing
    run = spare[:size]
    for name, out in views(run, rows, kinds).items():
        at = 0
        for piece in pieces:
            own = places[at : at + len(piece["time"])]
            kernels.put(_column(piece, name, kinds[name]), own, out)
            at += len(own)
    found = {}
    for at in np.flatnonzero(np.diff(starts)).tolist():
        found[at // width, at % width + first] = (int(starts[at]), int(starts[at + 1]))
    return run, found


def _joined(pieces: list[dict[str, NDArray[Any]]], name: str, kind: Any) -> NDArray[Any]:
    found: NDArray[Any] = np.concatenate([_column(piece, name, kind) for piece in pieces])
    return found


def _column(piece: dict[str, NDArray[Any]], name: str, kind: Any) -> NDArray[Any]:
    if name not in piece:  # a channel that its file does not send
        return np.full(len(piece["time"]), np.nan, dtype=kind)
    return np.ascontiguousarray(piece[name], dtype=kind)
