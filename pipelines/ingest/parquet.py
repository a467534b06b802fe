"""Parquet files as tables: columns keep their types; a record is a row, and its bytes are its fields as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

ROWS = 1 << 18
"""Rows that are decoded at a time at most. Row groups of so many are read a column at a time, when it is asked for: in
a fifth of the memory that all columns at once take, and fresh memory costs as much as the decoding."""

_BUFFER = 1 << 16


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
    """The same, some rows at a time. A column may be read anew whenever it is asked for."""
    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER, read_dictionary=sorted(wanted.words))
        names = file.schema_arrow.names
        _require(path, names, wanted)
        columns = [name for name in names if wanted.asks_for(name)]
        before = 0
        for piece in _pieces(file, path, columns):
            yield _table(piece, path, before)
            before += piece.num_rows
        if not before:
            yield _table(file.schema_arrow.empty_table().select(columns), path, before)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _pieces(file: pq.ParquetFile, path: Path, columns: list[str]) -> Iterator[pa.RecordBatch | _Group]:
    rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    if rows and ROWS // 16 <= max(rows) <= ROWS:
        yield from (_Group(file, path, group, count, columns) for group, count in enumerate(rows))
    else:
        yield from file.iter_batches(max(ROWS // 8, 1), columns=columns, use_threads=False)


class _Group(Mapping[str, pa.Array]):
    """A row group's columns, each read when it is asked for."""

    def __init__(self, file: pq.ParquetFile, path: Path, group: int, rows: int, columns: list[str]) -> None:
        self._file, self._path, self._group, self._columns = file, path, group, dict.fromkeys(columns)
        self.num_rows = rows

    def __getitem__(self, name: str) -> pa.Array:
        """Raises DataError where it cannot be read."""
        if name not in self._columns:
            raise KeyError(name)
        try:
            table = self._file.read_row_group(self._group, columns=[name], use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self._path, error) from None
        return _plain(table.column(0), self._path, name, coded=True)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def first_rows(path: Path, most: int) -> pa.RecordBatch | None:
    """A file's first rows, all columns; None where it holds none. Raises DataError."""
    try:
        return next(pq.ParquetFile(path).iter_batches(most), None)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200]
    return DataError(f"{path} is no Parquet file that can be read ({reason}); fetch it again")


def _table(rows: pa.Table | pa.RecordBatch | _Group, path: Path, before: int) -> Table:
    record = np.arange(before + 1, before + rows.num_rows + 1)
    own: Mapping[str, pa.Array] = (
        rows if isinstance(rows, _Group) else {n: _plain(rows.column(n), path, n) for n in rows.schema.names}
    )
    return Table(own, record, record, lambda i: raw_row(path, before + i + 1), rows.num_rows)


def _require(path: Path, names: list[str], wanted: Needs | None) -> None:
    absent = sorted((wanted.names if wanted else frozenset()) - set(names))
    if absent:
        raise DataError(
            f"{path}: there is no column {absent[0]!r}; the columns are {', '.join(names)[:300]}. "
            f"Correct the mapping of its source in params.yaml"
        )


def _plain(column: pa.ChunkedArray | pa.Array, path: Path, name: str, coded: bool = False) -> pa.Array:
    """A column in one piece, text as text, other types that are numbers or times as they are. coded: text may be
    codes into its different words."""
    whole: Any = column
    if isinstance(column, pa.ChunkedArray):
        whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # one chunk: no copy
    if pa.types.is_dictionary(whole.type) and not (coded and pa.types.is_string(whole.type.value_type)):
        whole = whole.dictionary_decode()
    if pa.types.is_large_string(whole.type) or pa.types.is_string_view(whole.type):
        whole = pc.cast(whole, pa.string())
    if pa.types.is_nested(whole.type) or pa.types.is_binary(whole.type) or pa.types.is_large_binary(whole.type):
        raise DataError(f"{path}: column {name!r} is of type {whole.type}, which is no number, time or text")
    return whole
