"""Where rows are kept: bucket=<hash(device) % n>/<span of time>.parquet, and a manifest of these files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.errors import DataError
from pipelines.files import replacing, write_bytes
from pipelines.ingest.encode import write_parquet
from pipelines.ingest.schema import rows_schema
from pipelines.params import Storage

MANIFEST = "manifest.json"
_KIND = {"all": 0, "day": 1, "month": 2, "year": 3}  # as in `kernels`
_UNIT = {"day": "D", "month": "M", "year": "Y"}


def bucket_of(device: str, buckets: int) -> int:
    """The bucket of a device, for ever the same."""
    return int.from_bytes(hashlib.sha256(device.encode()).digest()[:8], "big") % buckets


def span_kind(storage: Storage) -> int:
    """The kind of span as `kernels` know it."""
    return _KIND[storage.span]


def part_name(bucket: int, span: int, storage: Storage) -> str:
    """The file of a bucket and a span (counted from 1970), without ending: bucket=0/2026-01."""
    word = storage.span if storage.span == "all" else str(np.int64(span).astype(f"datetime64[{_UNIT[storage.span]}]"))
    return f"bucket={bucket}/{word}"


def write_rows(folder: Path, rows: pd.DataFrame, channels: tuple[str, ...], storage: Storage) -> None:
    """Write rows/ and its manifest, whole.

    rows: device, time and received (datetime64[us, UTC]), channels float32; any order. The folder holds nothing else.
    """
    ordered = rows.sort_values(["device", "time", "received"], kind="stable")
    names, codes = np.unique(ordered["device"].to_numpy(dtype=object), return_inverse=True)
    buckets = np.asarray([bucket_of(name, storage.buckets) for name in names], dtype=np.int64)[codes]
    entries: dict[str, Any] = {}
    schema = rows_schema(channels)
    key: Any
    for key, part in ordered.groupby([buckets, _spans(ordered["time"], storage)], sort=True):
        name = f"{part_name(int(key[0]), int(key[1]), storage)}.parquet"
        table = pa.Table.from_pandas(part[schema.names], schema=schema, preserve_index=False)
        with replacing(folder / name) as path:
            write_parquet(path, table)
            digest = sha256_of(path)
        entries[name] = entry(len(part), part["time"].min(), part["time"].max(), digest)
    write_bytes(folder / MANIFEST, manifest(entries, storage, channels))


def _spans(times: pd.Series[pd.Timestamp], storage: Storage) -> Any:
    if storage.span == "all":
        return np.zeros(len(times), dtype=np.int64)
    return times.dt.tz_localize(None).to_numpy().astype(f"datetime64[{_UNIT[storage.span]}]").astype(np.int64)


def sha256_of(path: Path) -> str:
    """A file's sha256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(rows: int, first: pd.Timestamp, last: pd.Timestamp, digest: str) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"rows": rows, "from": first.isoformat(), "to": last.isoformat(), "sha256": digest}


def manifest(
    entries: dict[str, Any], storage: Storage, channels: tuple[str, ...], more: Mapping[str, Any] | None = None
) -> bytes:
    """The manifest of rows/: its files, the channels, how rows are parted, and what else is said of them."""
    said = {"files": entries, "channels": list(channels), **storage.model_dump()}
    said |= more or {}
    return (json.dumps(said, indent=2, sort_keys=True) + "\n").encode()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a rows folder, None where there is none. Raises DataError where it cannot be read."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        said: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f"{path} cannot be read ({error}); delete {folder} and ingest again") from None
    return said
