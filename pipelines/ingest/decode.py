"""One raw file of any source → a Batch of rows, or records as named fields (events, endings)."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fleetloop_edge.decoders import DECODERS
from fleetloop_edge.decoders.clock import is_numeric
from fleetloop_edge.decoders.json_record import objects
from fleetloop_edge.decoders.record import holes
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.spec import Channel
from pipelines.errors import ParamsError
from pipelines.ingest.batch import Batch, Quarantined
from pipelines.ingest.columns import decode_columns
from pipelines.ingest.lines import decode_lines, numbered
from pipelines.ingest.source_files import RawFile
from pipelines.ingest.table import Table, read_table
from pipelines.params import SourceSpec

GIVEN = frozenset({"row", "file"})
"""Fields that a template may use though no column has them: the record's place in its file, and the file."""


@dataclass
class Records:
    """A file's records as named fields, for tables that are not rows."""

    file: str
    records: int
    found: list[tuple[int, bytes, dict[str, Any]]] = field(default_factory=list)  # line, raw, fields
    quarantined: list[Quarantined] = field(default_factory=list)


def check_decoder(source: SourceSpec, key: str) -> None:
    """Raises ParamsError when the source's decoder or table format cannot be. key: sources.<name>."""
    known = (*DECODERS, "table")
    if source.decoder not in known:
        raise ParamsError(f"{key}.decoder: {source.decoder!r} is no decoder; expected one of {', '.join(known)}")
    if source.decoder != "table":
        if source.kind != "rows" and source.decoder != "json":
            raise ParamsError(f"{key}.decoder: {source.kind} come from table or json, not {source.decoder!r}")
        return
    if source.table.delimiter != "whitespace" and len(source.table.delimiter) != 1:
        raise ParamsError(f"{key}.table.delimiter: {source.table.delimiter!r} must be one character or whitespace")
    if source.table.delimiter in (*string.digits, '"', "\n", "\r"):
        raise ParamsError(f"{key}.table.delimiter: {source.table.delimiter!r} cannot part cells")
    if not source.table.header and not source.table.columns:
        raise ParamsError(f"{key}.table.columns: name the columns of a table that has no header")


def decode_rows(file: RawFile, source: SourceSpec, mapping: SourceMap, channels: dict[str, Channel]) -> Iterator[Batch]:
    """All rows of a file, in one batch or several. Raises DataError when nothing of it can be used."""
    data = file.read()
    if source.decoder == "table":
        yield decode_columns(_table(data, file, source, mapping), file.name, file.stem, mapping, channels)
    else:
        yield decode_lines(data, file.name, mapping, channels)


def decode_records(file: RawFile, source: SourceSpec, mapping: SourceMap) -> Records:
    """All records of a file as named fields. Raises DataError when nothing of it can be used."""
    data = file.read()
    if source.decoder == "table":
        table = _table(data, file, source, mapping)
        fields = ({"file": file.stem} | found for found in table.records_as_fields())
        found = list(zip(table.lines, table.raw, fields, strict=True))
        return Records(file.name, table.records, found, table.quarantined)
    records = Records(file.name, 0)
    for line, raw in numbered(data):
        records.records += 1
        try:
            (fields_of,) = objects(raw)
            records.found.append((line, raw, {"file": file.stem, "row": records.records} | fields_of))
        except DecodeError as error:
            records.quarantined.append(Quarantined(line, None, error.rule, error.reason, raw))
        except ValueError:
            records.quarantined.append(Quarantined(line, None, "not_an_object", "expected one object", raw))
    return records


def _table(data: bytes, file: RawFile, source: SourceSpec, mapping: SourceMap) -> Table:
    times = [time for time in (source.time, source.received) if time is not None]
    channels = {channel.field for channel in mapping.channels.values()}
    needed = channels | {time.field for time in times} | set(_named(source)) - GIVEN
    numbers = {name for name in (source.value, source.ending.field if source.ending else None) if name is not None}
    numeric = channels | {time.field for time in times if is_numeric(time)} | numbers
    return read_table(data, str(file.path), source.table, frozenset(numeric), frozenset(needed))


def _named(source: SourceSpec) -> Iterator[str]:
    for template in (source.device, source.site, source.vendor, source.firmware, source.event):
        yield from holes(template) if template else ()
    if source.value is not None:
        yield source.value
    if source.ending is not None and source.ending.field is not None:
        yield source.ending.field
