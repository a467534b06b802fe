"""One row of a Parquet file, as the quarantine keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.errors import DataError


def raw_row(path: Path, record: int) -> bytes:
    """One row of the file, from 1, as JSON."""
    file, first = pq.ParquetFile(path), 0
    for group in range(file.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        if record <= first + count:
            row = file.read_row_group(group).slice(record - 1 - first, 1).to_pylist()[0]
            return json.dumps(row, default=str, ensure_ascii=False).encode()
        first += count
    raise DataError(f"{path} has no row {record}; it changed while it was read")
