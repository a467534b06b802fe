"""The first records of raw files, as columns of text, whatever their format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fleetloop_edge.decoders.json_record import objects
from fleetloop_edge.errors import DecodeError
from pipelines.errors import DataError
from pipelines.ingest.cells import plain_numbers
from pipelines.ingest.dialect import Dialect, dialect_of
from pipelines.ingest.kinds import Column
from pipelines.ingest.numbers import plain_number
from pipelines.ingest.parquet import first_rows
from pipelines.ingest.source_files import RawFile
from pipelines.ingest.text_table import read_table
from pipelines.ingest.unpack import beginning
from pipelines.params import TableFormat

BYTES = 8 << 20  # of a file
RECORDS = 1_000  # whose cells are looked at one by one


@dataclass
class Sample:
    """decoder: as in a mapping. columns: name -> the first cells, and the numbers of many more. dialect: of a text
    table."""

    decoder: str
    columns: dict[str, Column]
    dialect: Dialect | None = None

    @property
    def shape(self) -> tuple[object, ...]:
        """What files of one source have in common."""
        return self.decoder, self.dialect and self.dialect.form.delimiter, *self.columns


def sample_of(file: RawFile) -> Sample:
    """The first records of a file. Raises DataError where it is of no format that can be recognised."""
    if file.path.name.endswith(".parquet"):
        return _parquet(file)
    data = beginning(file.path, BYTES)
    if data[:1] in (b"{", b"["):
        return _json(file, data)
    if b"\0" in data[:1024] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{file.path}: its format cannot be recognised; write its source in params.yaml by hand")
    dialect = dialect_of(data)
    return Sample("table", _columns(data, file, dialect.form), dialect)


def _columns(data: bytes, file: RawFile, form: TableFormat) -> dict[str, Column]:
    table = read_table(data, str(file.path), form, None)
    found = {}
    for name, cells in table.columns.items():
        plain = plain_numbers(cells, form) if form.decimal == "," or form.thousands else cells
        numbers = plain_number(plain)
        first = [cell or "" for cell in cells.slice(0, RECORDS).to_pylist()]
        if plain is not cells and np.isfinite(numbers[:RECORDS]).any():
            first = [cell or "" for cell in plain.slice(0, RECORDS).to_pylist()]
        found[name] = Column(name, first, numbers)
    return found


def _parquet(file: RawFile) -> Sample:
    batch = first_rows(file.path, RECORDS * 100)
    if batch is None:
        raise DataError(f"{file.path} holds no row; add one that does")
    found = {}
    for name in batch.schema.names:
        first = ["" if v is None else str(v) for v in batch.column(name).slice(0, RECORDS).to_pylist()]
        kind = batch.schema.field(name).type
        known = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind)
        found[name] = Column(name, first, plain_number(batch.column(name)) if known else np.full(len(first), np.nan))
    return Sample("parquet", found)


def _json(file: RawFile, data: bytes) -> Sample:
    lines = [line for line in data.split(b"\n") if line.strip()][: RECORDS * 10]
    decoder = "json"
    records: list[dict[str, str]] = []
    for line in lines:
        try:
            decoder = _decoder(json.loads(line)) if not records else decoder
            found = _packs(json.loads(line)) if decoder == "senml" else objects(line, decoder)
            records += [dict(_flat(fields)) for fields in found]
        except (ValueError, DecodeError, RecursionError):
            continue
    if not records:
        raise DataError(f"{file.path}: no line of it is JSON; write its source in params.yaml by hand")
    names = dict.fromkeys(name for fields in records for name in fields)
    cells = {name: pa.array([fields.get(name, "") for fields in records], pa.string()) for name in names}
    return Sample(decoder, {n: Column(n, c.slice(0, RECORDS).to_pylist(), plain_number(c)) for n, c in cells.items()})


def _decoder(document: Any) -> str:
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return "json"
    if isinstance(document, list) and {"n", "bn"} & set(first):
        return "senml"
    if "SystemProperties" in first or {"deviceId", "telemetry"} <= set(first):
        return "azure_iot"
    inner = first.get("payload", first)
    sitewise = isinstance(inner, dict) and ({"propertyAlias", "values"} <= set(inner) or "entries" in inner)
    return "aws_sitewise" if sitewise else "json"


def _packs(pack: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A pack as one record: its device, and a field a name."""
    fields: dict[str, Any] = {}
    base = ""
    for record in pack:
        base = record.get("bn", base)
        device, _, name = (base + record.get("n", "")).rpartition("/")
        fields |= {"device": device, name: record.get("v", record.get("vs"))}
        fields |= {key: value for key, value in record.items() if len(key) > 2 and key != "bver"}
    return [fields]


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, (str, int, float)):
            yield prefix + name, "" if value is None else str(value)
