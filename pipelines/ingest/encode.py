"""How tables are written: zstd-1 Parquet, each column in the encoding that was measured to serve its kind best.

Floats of few different values as a dictionary (small), all others split by byte (5x the speed of trying a dictionary
first, and smaller than plain); whole numbers and times as differences. See `make bench-ingest` and docs/ingest.md.
The encoding of a column depends on its content alone: the same rows give the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SAMPLE = 4096  # values, evenly spaced
FEW = 256  # different ones in the sample: a dictionary pays


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table; the bytes depend on its content alone."""
    dictionary, encodings = [], {}
    for field, column in zip(table.schema, table.columns, strict=True):
        if _by_dictionary(field.type, column):
            dictionary.append(field.name)
        elif pa.types.is_floating(field.type):
            encodings[field.name] = "BYTE_STREAM_SPLIT"
        elif pa.types.is_integer(field.type) or pa.types.is_timestamp(field.type):
            encodings[field.name] = "DELTA_BINARY_PACKED"
    options: dict[str, Any] = {"use_dictionary": dictionary or False, "column_encoding": encodings or None}
    keys = [field.name for field in table.schema if not pa.types.is_float32(field.type)]
    options["write_statistics"] = keys  # for channels they take a tenth of the time; state/facts has them
    plain = table.replace_schema_metadata(None)
    # without Arrow's own schema: text kept as codes is read as text
    pq.write_table(plain, path, compression="zstd", compression_level=1, store_schema=False, **options)


def _by_dictionary(kind: pa.DataType, column: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(kind):
        step = max(len(column) // SAMPLE, 1)
        some = column.take(pa.array(np.arange(0, len(column), step))) if step > 1 else column
        return len(some.unique()) <= FEW
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_boolean(kind))
