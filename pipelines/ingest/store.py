"""The tables folder: rows in buckets by device and spans of time, events, devices, labels, quarantine.

A file is written only where its bytes change, to a temporary name and renamed: the folder may be links into a cache.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.files import write_bytes
from pipelines.ingest.schema import rows_schema
from pipelines.params import Storage

MANIFEST = "manifest.json"
_SPAN = {"day": "D", "month": "M", "year": "Y"}


def bucket_of(device: str, buckets: int) -> int:
    """The bucket of a device, for ever the same."""
    return int.from_bytes(hashlib.sha256(device.encode()).digest()[:8], "big") % buckets


def write_rows(folder: Path, rows: pd.DataFrame, channels: tuple[str, ...], storage: Storage) -> None:
    """Write rows/ and its manifest; files that no longer hold a row vanish.

    rows: device, time and received (datetime64[us, UTC]), channels float32; any order.
    """
    ordered = rows.sort_values(["device", "time", "received"], kind="stable")
    names, codes = np.unique(ordered["device"].to_numpy(dtype=object), return_inverse=True)
    buckets = np.asarray([bucket_of(name, storage.buckets) for name in names], dtype=np.int64)[codes]
    spans = _spans(ordered["time"], storage.span)
    entries: dict[str, Any] = {}
    schema = rows_schema(channels)
    for (bucket, span), part in ordered.groupby([buckets, spans], sort=True):
        name = f"bucket={bucket}/{span}.parquet"
        table = pa.Table.from_pandas(part[schema.names], schema=schema, preserve_index=False)
        entries[name] = _entry(part, write_changed(folder / name, table))
    for stale in sorted(folder.glob("bucket=*/*.parquet")):
        if stale.relative_to(folder).as_posix() not in entries:
            stale.unlink()
    _write_manifest(folder / MANIFEST, entries, storage, channels)


def _spans(times: pd.Series[pd.Timestamp], span: str) -> NDArray[np.object_]:
    """The name of each time's file: 2026-01-31, 2026-01, 2026 or all."""
    if span not in _SPAN:
        return np.full(len(times), span, dtype=object)
    starts = times.dt.tz_localize(None).to_numpy().astype(f"datetime64[{_SPAN[span]}]")
    distinct, codes = np.unique(starts, return_inverse=True)
    return distinct.astype(str).astype(object)[codes]


def write_changed(path: Path, table: pa.Table) -> str:
    """Write Parquet unless the file already has these very bytes; their sha256."""
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd", compression_level=1)
    return write_if_changed(path, sink.getvalue())


def write_if_changed(path: Path, data: bytes) -> str:
    """Write a file unless it already has these very bytes; their sha256."""
    if not path.is_file() or path.read_bytes() != data:
        write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def _entry(part: pd.DataFrame, digest: str) -> dict[str, Any]:
    first, last = part["time"].min(), part["time"].max()
    return {"rows": len(part), "from": first.isoformat(), "to": last.isoformat(), "sha256": digest}


def _write_manifest(path: Path, entries: dict[str, Any], storage: Storage, channels: tuple[str, ...]) -> None:
    manifest = {"files": entries, "channels": list(channels), **storage.model_dump()}
    write_if_changed(path, (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode())
