"""A part's rows in memory: from the runs and from its own stored files, under one set of codes; and back to tables."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.ingest import schema
from pipelines.ingest.batch import UNSAID
from pipelines.ingest.extents import Bytes, Extent, read_extent, row_bytes, views
from pipelines.ingest.runs import KEYS, TOTAL, UPLOADED, Columns, Index, Origin

File = tuple[str, str]
"""Source and file."""


@dataclass
class PartRows:
    """n rows as columns. keys: as in a run, with codes into `devices` and `origins`, both sorted. values: (C, n)."""

    devices: list[str]
    origins: list[Origin]
    keys: dict[str, NDArray[Any]]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.keys["time"])

    def chosen(self, order: NDArray[np.int64]) -> PartRows:
        """The rows in `order`, in that order. Takes the memory over: this object is not to be used again."""
        from pipelines.ingest import kernels  # numba: only where it computes

        columns = (*self.keys.values(), *self.values)
        aside = {kind: np.empty(len(order), dtype=kind) for kind in {column.dtype for column in columns}}
        for column in columns:
            kernels.take(column, order, aside[column.dtype])
            column[: len(order)] = aside[column.dtype]
        keys = {name: column[: len(order)] for name, column in self.keys.items()}
        return PartRows(self.devices, self.origins, keys, self.values[:, : len(order)])

    def copied(self, order: NDArray[np.int64]) -> PartRows:
        """A few of the rows, in `order`."""
        keys = {name: column[order] for name, column in self.keys.items()}
        return PartRows(self.devices, self.origins, keys, self.values.take(order, axis=1))


def load(
    extents: Sequence[Extent],
    index: Index,
    stored: Iterable[tuple[Path, ...]],
    replaced: frozenset[File],
    held: Columns,
) -> PartRows:
    """All rows of a part: those of the runs, and the stored ones whose raw file is not replaced. They last until this
    thread loads the next part.

    stored: files whose columns stand side by side; those that do not exist are skipped.
    """
    known = [_still_valid(paths, replaced) for paths in stored if all(path.is_file() for path in paths)]
    total = sum(e.stop - e.start for e in extents) + sum(len(table) for table in known)
    memory = _memory(total * row_bytes(held.kinds))
    columns = views(memory, total, held.kinds)
    keys = {name: columns[name] for name in held.keys}
    channels = len(held.channels)  # the last columns
    values = memory[len(memory) - 4 * channels * total :].view(np.float32).reshape(channels, total)
    devices, origins = _codes(index.devices), _codes(index.origins)
    at = 0
    for extent in extents:
        read_extent(extent, held.kinds, columns, at)
        at += extent.stop - extent.start
    for table in known:
        _copy(table, {name: column[at : at + len(table)] for name, column in columns.items()}, devices, origins)
        at += len(table)
    for place, name in enumerate(held.channels):
        totals = keys.get(f"{TOTAL}{name}")
        if totals is not None:  # stored rows hold increments: judge what the counter showed
            shown = ~np.isnan(totals)
            values[place, shown] = totals[shown]
    names, keys["device"] = _ranked(list(devices), keys["device"], key=str)
    who, keys["origin"] = _ranked(list(origins), keys["origin"], key=_by_words)
    return PartRows(names, who, keys, values)


_THREAD = threading.local()


def _memory(size: int) -> Bytes:
    """Bytes of this thread's own, used again and again: fresh memory costs more than what is done with it."""
    held: Bytes = getattr(_THREAD, "memory", _NOTHING)
    if len(held) < size:
        _THREAD.memory = _NOTHING  # first let go of the old
        _THREAD.memory = held = np.empty(size, dtype=np.uint8)
    return held[:size]


_NOTHING: Bytes = np.empty(0, dtype=np.uint8)


def said(rows: PartRows, channels: tuple[str, ...]) -> pa.Table:
    """As in schema.rows_schema."""
    keys = rows.keys
    columns: dict[str, Any] = {
        "device": pa.DictionaryArray.from_arrays(keys["device"], pa.array(rows.devices, pa.string())),
        "time": pa.array(keys["time"]).cast(schema.MOMENT),
        "received": pa.array(keys["received"]).cast(schema.MOMENT),
    }
    if UPLOADED in keys:
        columns[UPLOADED] = pa.array(keys[UPLOADED].view("datetime64[us]")).cast(schema.MOMENT)
    columns |= {name: _measured(v) for name, v in zip(channels, rows.values, strict=True)}
    return pa.table(columns)


def _measured(values: NDArray[np.float32]) -> pa.Array:
    """(n,) values, null where they are NaN; no copy."""
    bits = np.packbits(~np.isnan(values), bitorder="little")
    return pa.Array.from_buffers(pa.float32(), len(values), [pa.py_buffer(bits), pa.py_buffer(values)])


def came_from(rows: PartRows) -> pa.Table:
    """Where each row came from: origin (JSON of source, file, site, vendor, firmware), record and siblings; and what
    its counters showed."""
    words = [json.dumps(origin, ensure_ascii=False) for origin in rows.origins]
    codes = pa.DictionaryArray.from_arrays(rows.keys["origin"], pa.array(words, pa.string()))
    totals = {f"_{name}": column for name, column in rows.keys.items() if name.startswith(TOTAL)}
    return pa.table({"_origin": codes, "_record": rows.keys["record"], "_siblings": rows.keys["siblings"], **totals})


def beside(table: pa.Table, more: pa.Table) -> pa.Table:
    """Two tables of the same rows as one."""
    for field, column in zip(more.schema, more.columns, strict=True):
        table = table.append_column(field, column)
    return table


def _still_valid(paths: Sequence[Path], replaced: frozenset[File]) -> pa.Table:
    table, *more = (pq.read_table(path, partitioning=None, read_dictionary=["device", "_origin"]) for path in paths)
    for other in more:
        table = beside(table, other)
    table = table.unify_dictionaries()
    words = dictionary(table, "_origin")[0]
    void = [tuple(json.loads(word)[:2]) in replaced for word in words]
    if not any(void):
        return table
    return table.filter(pa.array(~np.asarray(void)[dictionary(table, "_origin")[1]]))


def _copy(table: pa.Table, into: dict[str, NDArray[Any]], devices: dict[str, int], origins: dict[Origin, int]) -> None:
    """One stored table into arrays; its words join the known ones."""
    for name, column in into.items():
        if name == "device":
            words, codes = dictionary(table, name)
            column[:] = np.array([devices.setdefault(w, len(devices)) for w in words], dtype=np.int32)[codes]
        elif name == "origin":
            words, codes = dictionary(table, "_origin")
            found = [tuple(json.loads(word)) for word in words]
            column[:] = np.array([origins.setdefault(o, len(origins)) for o in found], dtype=np.int32)[codes]
        elif name in ("time", "received"):
            column[:] = table[name].cast(pa.int64()).to_numpy()
        elif name == UPLOADED:
            column[:] = table[name].cast(pa.int64()).fill_null(UNSAID).to_numpy()
        else:
            column[:] = table[f"_{name}" if name in KEYS or name.startswith(TOTAL) else name].to_numpy()


def dictionary(table: pa.Table, name: str) -> tuple[list[str], NDArray[np.int32]]:
    """A column's different words, and (n,) codes into them."""
    whole = table[name].combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.dictionary.to_pylist(), whole.indices.to_numpy()


def _codes(words: Iterable[Any]) -> dict[Any, int]:
    return {word: code for code, word in enumerate(words)}


def _ranked(words: list[Any], codes: NDArray[np.int32], key: Any) -> tuple[list[Any], NDArray[np.int32]]:
    """The words in use, sorted, and the codes into these."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(words))).tolist()
    used.sort(key=lambda code: key(words[code]))
    rank = np.zeros(len(words), dtype=np.int32)
    rank[used] = np.arange(len(used), dtype=np.int32)
    return [words[code] for code in used], rank[codes]


def _by_words(origin: Origin) -> tuple[str, ...]:
    return tuple(word or "" for word in origin)
