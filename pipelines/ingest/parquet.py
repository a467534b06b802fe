"""Parquet files as tables: columns keep their types; a record is a row, and its bytes are its fields as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import DataError
from pipelines.ingest.needs import Needs
from pipelines.ingest.parquet_row import raw_row
from pipelines.ingest.table import Table

ROWS = 1 << 15
"""Rows that are decoded at a time: few enough that the allocator gives their memory out again at once. With 2^17, and
Arrow's threads below ours, fresh pages cost as much as the decoding."""

_BUFFER = 1 << 20


def read_parquet(path: Path, wanted: Needs | None) -> Table:
    """A file's columns that the mapping names, all of them where wanted is None. Raises DataError."""
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        _require(path, names, wanted)
        columns = [name for name in names if wanted is None or wanted.asks_for(name)]
        return _table(file.read(columns=columns), path, 0)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def read_parquet_pieces(path: Path, wanted: Needs) -> Iterator[Table]:
    """The same, some rows at a time."""
    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER)
        _require(path, file.schema_arrow.names, wanted)
        columns = [name for name in file.schema_arrow.names if wanted.asks_for(name)]
        before = 0
        for batch in file.iter_batches(ROWS, columns=columns, use_threads=False):
            yield _table(batch, path, before)
            before += batch.num_rows
        if not before:
            yield _table(file.schema_arrow.empty_table().select(columns), path, before)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def first_rows(path: Path, most: int) -> pa.RecordBatch | None:
    """A file's first rows, all columns; None where it holds none. Raises DataError."""
    try:
        return next(pq.ParquetFile(path).iter_batches(most), None)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200]
    return DataError(f"{path} is no Parquet file that can be read ({reason}); fetch it again")


def _table(rows: pa.Table | pa.RecordBatch, path: Path, before: int) -> Table:
    record = np.arange(before + 1, before + rows.num_rows + 1)
    own = {name: _plain(rows.column(name), path, name) for name in rows.schema.names}
    return Table(own, record, record, lambda i: raw_row(path, before + i + 1), rows.num_rows)


def _require(path: Path, names: list[str], wanted: Needs | None) -> None:
    absent = sorted((wanted.names if wanted else frozenset()) - set(names))
    if absent:
        raise DataError(
            f"{path}: there is no column {absent[0]!r}; the columns are {', '.join(names)[:300]}. "
            f"Correct the mapping of its source in params.yaml"
        )


def _plain(column: pa.ChunkedArray | pa.Array, path: Path, name: str) -> pa.Array:
    """A column in one piece, text as text, other types that are numbers or times as they are."""
    whole: Any = column
    if isinstance(column, pa.ChunkedArray):
        whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # one chunk: no copy
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    if pa.types.is_large_string(whole.type) or pa.types.is_string_view(whole.type):
        whole = pc.cast(whole, pa.string())
    if pa.types.is_nested(whole.type) or pa.types.is_binary(whole.type) or pa.types.is_large_binary(whole.type):
        raise DataError(f"{path}: column {name!r} is of type {whole.type}, which is no number, time or text")
    return whole
