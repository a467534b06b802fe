"""One raw file of any source → batches of rows, or records as named fields (events, labels, endings)."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetloop_edge.decoders import DECODERS
from fleetloop_edge.decoders.json_record import FORMATS, objects
from fleetloop_edge.decoders.record import with_derived
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.spec import Channel
from pipelines.errors import DataError, ParamsError
from pipelines.ingest.batch import Batch, Quarantined
from pipelines.ingest.columns import Tells, decode_columns
from pipelines.ingest.join import Beside, Partner, join, joined
from pipelines.ingest.json_table import read_json_lines
from pipelines.ingest.lines import decode_lines, decode_messages, messages, some_messages
from pipelines.ingest.needs import Needs, needs, needs_of, spreads
from pipelines.ingest.parquet import read_parquet, read_parquet_pieces
from pipelines.ingest.source_files import RawFile
from pipelines.ingest.spread import spread
from pipelines.ingest.table import Table
from pipelines.ingest.text import ends_lines, lines_by_piece, without_blank
from pipelines.ingest.text_table import read_table, read_tables
from pipelines.params import SourceSpec, TableFormat

FILES = ("table", "parquet", "field_log")
"""Decoders of files, beside those of the device."""


@dataclass
class Records:
    """A file's records as named fields, for tables that are not rows."""

    file: str
    records: int
    found: list[tuple[int, bytes, Mapping[str, Any]]] = field(default_factory=list)  # line, raw, fields
    quarantined: list[Quarantined] = field(default_factory=list)


def check_decoder(source: SourceSpec, key: str) -> None:
    """Raises ParamsError when the source's decoder or table format cannot be. key: sources.<name>."""
    known = (*DECODERS, *FILES)
    if source.decoder not in known:
        raise ParamsError(f"{key}.decoder: {source.decoder!r} is no decoder; expected one of {', '.join(known)}")
    for block in ("join", "spread", "events", "labels"):
        if source.decoder not in FILES and getattr(source, block):
            raise ParamsError(f"{key}.{block}: only tables have it, not {source.decoder!r}")
    if source.decoder in FILES and source.envelope is not None:
        raise ParamsError(f"{key}.envelope: files of {source.decoder!r} hold no payloads")
    if source.decoder in FILES:
        _check_form(source.table, f"{key}.table")
        for alias, spec in source.join.items():
            _check_form(spec.table, f"{key}.join.{alias}.table")
    elif source.kind != "rows" and source.decoder not in FORMATS:
        names = ", ".join((*FILES, *FORMATS))
        raise ParamsError(f"{key}.decoder: {source.kind} come from {names}, not {source.decoder!r}")


def _check_form(form: TableFormat, key: str) -> None:
    if form.delimiter != "whitespace" and len(form.delimiter) != 1:
        raise ParamsError(f"{key}.delimiter: {form.delimiter!r} must be one character or whitespace")
    if form.delimiter in (*string.digits, '"', "\n", "\r"):
        raise ParamsError(f"{key}.delimiter: {form.delimiter!r} cannot part cells")
    if len(form.quote) > 1 or not form.quote.isascii():
        raise ParamsError(f"{key}.quote: {form.quote!r} must be one character, or empty for none")
    if form.thousands == form.decimal:
        raise ParamsError(f"{key}.thousands: {form.thousands!r} is the decimal mark too")
    if min(form.widths, default=1) < 1:
        raise ParamsError(f"{key}.widths: a column has at least one character")


def decode_rows(file: RawFile, source: SourceSpec, mapping: SourceMap, channels: dict[str, Channel]) -> Iterator[Batch]:
    """All rows of a file, in one batch or several. Raises DataError when nothing of it can be used."""
    if source.decoder in FILES:
        yield from _decode_table(file, source, mapping, channels)
    elif source.decoder == "json" and source.envelope is None and not source.each:
        yield from _decode_json(file, source, mapping, channels)
    else:
        yield decode_lines(file.read(), file.name, mapping, channels, file.given, source.envelope)


def partners(file: RawFile, source: SourceSpec) -> dict[str, list[RawFile]]:
    """The files that are joined to one, by block of `join`."""
    found = {}
    for alias, spec in source.join.items():
        pattern = spec.files
        for name, word in file.given.items():
            pattern = pattern.replace("{" + name + "}", word)
        found[alias] = file.others(pattern)
        if not found[alias] or (spec.key is None and len(found[alias]) > 1):
            raise DataError(
                f"{file.path}: {len(found[alias])} files fit {pattern!r}, which is to stand beside it row by row; "
                f"correct join.{alias}.files of its source in params.yaml, or add the file"
            )
    return found


def _decode_json(
    file: RawFile, source: SourceSpec, mapping: SourceMap, channels: dict[str, Channel]
) -> Iterator[Batch]:
    """Plain objects at array speed, the other lines as the device does."""
    before = 0
    for piece in lines_by_piece(file.pieces() if source.long is None else [file.read()]):
        lines = without_blank(piece)
        tables, others = read_json_lines(lines, source, mapping, before)
        for table in tables:
            yield decode_columns(table, file.name, file.given, mapping, channels)
        if len(others) or not tables:
            left = some_messages(lines, others.tolist(), file.given, before)
            yield decode_messages(left, file.name, mapping, channels)
        before += len(lines)


def _decode_table(
    file: RawFile, source: SourceSpec, mapping: SourceMap, channels: dict[str, Channel]
) -> Iterator[Batch]:
    tells = Tells(source.events, source.labels, source.by)
    if _in_pieces(source):
        for table in _pieces(file, source, needs(source, mapping)):
            wide = spread(table, spreads(source), str(file.path))
            yield decode_columns(table, file.name, file.given, mapping, channels, wide, tells)
        return
    table, beside = _joined_table(file, source, mapping)
    wide = spread(table, spreads(source), str(file.path))
    batch = decode_columns(table, file.name, file.given, mapping, channels, wide, tells)
    batch.joined = [joined(each, table, batch.rows) for each in beside]
    yield batch


def _in_pieces(source: SourceSpec) -> bool:
    """Whether what a record says does not depend on those around it."""
    ordered = any(time is not None and time.ambiguous == "order" for time in (source.time, source.received))
    form = source.table
    alone = not (source.long or source.join or source.events or source.labels or form.footer or form.multiline)
    return alone and not ordered and (source.decoder != "table" or ends_lines(form.encoding))


def _pieces(file: RawFile, source: SourceSpec, wanted: Needs) -> Iterator[Table]:
    if source.decoder != "table":
        return read_parquet_pieces(file.path, wanted)
    pieces = lines_by_piece(file.pieces(), source.table.encoding)
    return read_tables(pieces, str(file.path), source.table, wanted, scan=file.most is None)  # a sample: one table


def _joined_table(file: RawFile, source: SourceSpec, mapping: SourceMap) -> tuple[Table, list[Beside]]:
    table = _table(file, source.decoder, source.table, needs(source, mapping))
    if not source.join:
        return table, []
    beside = []
    for alias, found in partners(file, source).items():
        spec, wanted = source.join[alias], needs_of(alias, source, mapping)
        tables = {other.name: _table(other, source.decoder, spec.table, wanted) for other in found}
        beside.append(Partner(alias, spec, tables))
    return join(table, beside)


def _table(file: RawFile, decoder: str, form: TableFormat, wanted: Needs) -> Table:
    if decoder != "table":
        return read_parquet(file.path, wanted)
    return read_table(file.read(), str(file.path), form, wanted)


def decode_records(file: RawFile, source: SourceSpec, mapping: SourceMap) -> Records:
    """All records of a file as named fields. Raises DataError when nothing of it can be used."""
    if source.decoder in FILES:
        table = _table(file, source.decoder, source.table, needs(source, mapping))
        found: list[tuple[int, bytes, Mapping[str, Any]]] = [
            (int(table.record[i]), table.raw(i), with_derived(file.given | fields, mapping))
            for i, fields in enumerate(table.fields())
        ]
        return Records(file.name, table.records, found, table.quarantined)
    records = Records(file.name, 0)
    for message in messages(file.read(), mapping, file.given, source.envelope):
        records.records += 1
        try:
            if isinstance(message.payload, DecodeError):
                raise message.payload
            (fields,) = objects(message.payload, mapping.decoder)
            whole = with_derived({**message.fields, **fields}, mapping)
            records.found.append((message.number, message.raw, whole))
        except DecodeError as error:
            records.quarantined.append(Quarantined(message.number, None, error.rule, error.reason, message.raw))
        except ValueError:
            reason = "expected one object"
            records.quarantined.append(Quarantined(message.number, None, "not_an_object", reason, message.raw))
    return records
