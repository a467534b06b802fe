"""Lines of flat JSON objects as tables: plain ones by our own kernels, others by Arrow; what neither can vouch for is
left to the device's own decoder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json
from numpy.typing import NDArray

from fleetloop_edge.mapping import SourceMap
from pipelines.ingest.needs import needs
from pipelines.ingest.scan import Column, can_scan, scan_json
from pipelines.ingest.table import Table
from pipelines.ingest.text import LONGEST, Lines, is_text
from pipelines.params import SourceSpec

Ints = NDArray[np.int64]

SNIFFED = 50  # lines that tell the fields' types
CHUNK = 4_096  # lines that are left to the device's decoder where one of them is odd
_TYPES = {str: pa.string(), float: pa.float64(), int: pa.int64()}


def read_json_lines(lines: Lines, source: SourceSpec, mapping: SourceMap, before: int = 0) -> tuple[list[Table], Ints]:
    """The records that are read alike here and on the device, and the places of the others.

    lines: none of them blank. before: how many records of the file come before them.
    """
    schema = _schema(lines, source, mapping)
    rest = np.arange(len(lines))
    if schema is None:
        return [], rest
    found, telling = [], _telling(mapping)
    if can_scan(lines):
        columns = [Column(f.name, pa.types.is_floating(f.type)) for f in schema]
        cells, fine = scan_json(lines, columns, telling)
        found.append(_table(lines, cells, np.flatnonzero(fine), before))
        rest = np.flatnonzero(~fine)
    if len(rest) and _vouched(lines.data):
        some = lines.pick(rest)
        for own, part in _read(some, np.flatnonzero(_objects(some)), schema):
            told = _told(part, telling)
            part = part.filter(pa.array(told))
            cells = {name: part.column(name).combine_chunks() for name in part.column_names}
            found.append(_table(lines, cells, rest[own[told]], before))
    places = np.concatenate([table.place for table in found]) - before - 1 if found else rest[:0]
    return [table for table in found if len(table)], np.setdiff1d(np.arange(len(lines)), places, assume_unique=True)


def _table(lines: Lines, columns: dict[str, pa.Array], places: Ints, before: int) -> Table:
    record = lines.number[places]
    return Table(columns, record, places + before + 1, lambda i: lines.raw(int(places[i])), len(places))


def _vouched(data: bytes) -> bool:
    """Whether both readers take the bytes for the same text: no control characters, no halves of surrogate pairs."""
    from pipelines.ingest import kernels  # numba: only where it computes

    if kernels.has_control(np.frombuffer(data, dtype=np.uint8)):
        return False
    if b"Inf" in data or (b"\\" in data and (b"\\ud" in data or b"\\uD" in data)):
        return False
    return is_text(data)


def _schema(lines: Lines, source: SourceSpec, mapping: SourceMap) -> pa.Schema | None:
    """Types of the fields that the mapping names, by the first lines; None where only the device's reader will do."""
    names = needs(source, mapping).names
    channels = {mapped.field for mapped in mapping.channels.values()} if source.long is None else set()
    if any("." in name for name in names) or any(mapped.quality for mapped in mapping.channels.values()):
        return None
    sampled = list(_sampled(lines))
    fields = []
    moments = {time.field for time in (source.time, source.received) if time is not None}
    for name in sorted(names):
        value = next((s[name] for s in sampled if s.get(name) is not None), None)
        kind = pa.float64() if value is None and name in channels else _TYPES.get(type(value))
        numeric = name in channels or name in moments
        if kind == pa.float64() and not numeric:  # 7.0 as a name: its text depends on who writes it
            return None
        fields.append((name, pa.float64() if kind == pa.int64() and numeric else kind or pa.string()))
    return pa.schema(fields)


def _sampled(lines: Lines) -> Iterable[dict[str, Any]]:
    for place in range(min(SNIFFED, len(lines))):
        try:
            found = json.loads(lines.bytes_of(place))
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


def _objects(lines: Lines) -> NDArray[np.bool_]:
    """(n,) lines that begin and end as one object does, and are of a length that can be."""
    codes = np.frombuffer(lines.data, dtype=np.uint8)
    ends = (codes[lines.start] == ord("{")) & (codes[lines.end - 1] == ord("}"))
    found: NDArray[np.bool_] = ends & (lines.end - lines.start <= LONGEST)
    return found


def _read(lines: Lines, places: Ints, schema: pa.Schema) -> list[tuple[Ints, pa.Table]]:
    """Lines as tables: all at once, or in chunks where that fails."""
    whole = _parse(lines.pick(places), schema)
    if whole is not None:
        return [(places, whole)]
    found = []
    for start in range(0, len(places), CHUNK):
        some = places[start : start + CHUNK]
        part = _parse(lines.pick(some), schema)
        if part is not None:
            found.append((some, part))
    return found


def _parse(lines: Lines, schema: pa.Schema) -> pa.Table | None:
    if not len(lines):
        return None
    block = max(1 << 20, int((lines.end - lines.start).max()) + 2)
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(lines.joined()),
            pyarrow.json.ReadOptions(use_threads=False, block_size=block),
            pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return table if table.num_rows == len(lines) else None


def _telling(mapping: SourceMap) -> list[str]:
    """Fields of channels: a record says something of one, or only the device can judge it."""
    return [mapping.long.name] if mapping.long else [mapped.field for mapped in mapping.channels.values()]


def _told(table: pa.Table, telling: list[str]) -> NDArray[np.bool_]:
    """(n,) records that say something of a channel: a null that is said and a field that is not look alike here."""
    found = np.zeros(table.num_rows, dtype=np.bool_)
    for name in telling:
        found |= table.column(name).is_valid().to_numpy(zero_copy_only=False)
    return found
