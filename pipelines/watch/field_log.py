"""The field log: rows, decisions, heartbeats, labels and devices in one folder, of one shape wherever it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import DataError
from pipelines.files import replacing_folder
from pipelines.ingest import read_rows_from, write_rows
from pipelines.params import Storage

MARK = "log.json"
BUCKETS, MOST, CELLS = 4, 256, 20_000_000  # a bucket is read at once: it should not exceed so many cells
_MOMENT = pa.timestamp("us", tz="UTC")
_WHO = [("device", pa.string()), ("time", _MOMENT), ("received", _MOMENT)]
DECISIONS = pa.schema(
    [
        *_WHO,
        ("action", pa.string()),
        ("score", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("reason", pa.string()),
        ("model", pa.string()),
        ("bundle", pa.string()),
    ]
)
HEARTBEATS = pa.schema(
    [
        *_WHO,
        ("uptime", pa.float64()),
        ("latency", pa.float64()),
        ("queue", pa.int64()),
        ("bundle", pa.string()),
        ("counters", pa.string()),
    ]
)
LABELS = pa.schema(
    [
        ("device", pa.string()),
        ("from", _MOMENT),
        ("to", _MOMENT),
        ("label", pa.string()),
        ("received", _MOMENT),
        ("by", pa.string()),
    ]
)
DEVICES = pa.schema(
    [
        ("device", pa.string()),
        ("from", _MOMENT),
        ("site", pa.string()),
        ("vendor", pa.string()),
        ("firmware", pa.string()),
    ]
)
SCHEMAS = {"decisions": DECISIONS, "heartbeats": HEARTBEATS, "labels": LABELS, "devices": DEVICES}
NONE_REJECTED = pd.DataFrame({"device": pd.Series([], dtype="str"), "time": pd.Series([], dtype="datetime64[us, UTC]")})
"""A device has no data contract: whatever passed its check enters the grid."""


@dataclass(frozen=True)
class FieldLog:
    """rows: device, time, received, channels. decisions: device, time (of the slot), received, action, score, low,
    high, reason, model, bundle. heartbeats: uptime and latency (s), queue, counters (JSON). labels: device, from, to,
    label, received, by. devices: device, from, site, vendor, firmware, a line a change; empty where nobody said.
    Sorted by device and time; all times UTC."""

    rows: pd.DataFrame
    decisions: pd.DataFrame
    heartbeats: pd.DataFrame
    labels: pd.DataFrame
    devices: pd.DataFrame = field(default_factory=lambda: DEVICES.empty_table().to_pandas())


def write_log(folder: Path, log: FieldLog, channels: tuple[str, ...], about: dict[str, Any]) -> None:
    """Write a log whole, in the place of an older one. Raises DataError where the folder holds something else."""
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).is_file())):
        raise DataError(f"{folder} exists and is no field log; name a new folder for the log (-o)")
    with replacing_folder(folder) as new:
        buckets = min(max(BUCKETS, -(-log.rows.size // CELLS)), MOST)
        write_rows(new / "rows", log.rows, channels, Storage(buckets=buckets, span="month"))
        for name, schema in SCHEMAS.items():
            _write_by_month(new / name, getattr(log, name), schema)
        (new / MARK).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")


def read_log(folder: Path) -> FieldLog:
    """Read a log. Raises DataError naming the part that is missing or cannot be read."""
    if not (folder / "decisions").is_dir() or not (folder / "rows").is_dir():
        raise DataError(
            f"{folder} is no field log: it has no rows/ and decisions/; `fleetloop score BUNDLE ROWS -o LOG` writes one"
        )
    parts = {name: _read_parts(folder / name, schema) for name, schema in SCHEMAS.items()}
    return FieldLog(rows=read_rows_from(folder / "rows", made_by="fleetloop score BUNDLE ROWS -o LOG"), **parts)


def read_table_of(folder: Path, name: str) -> pd.DataFrame:
    """One of a log's tables: decisions, heartbeats, labels or devices. Raises DataError where it cannot be read."""
    return _read_parts(folder / name, SCHEMAS[name])


def _write_by_month(folder: Path, frame: pd.DataFrame, schema: pa.Schema) -> None:
    folder.mkdir()
    key = "time" if "time" in schema.names else "from"
    months = frame[key].dt.strftime("%Y-%m") if len(frame) else pd.Series([], dtype=str)
    parts = list(frame.groupby(months, sort=True)) or [("none", frame)]
    for month, part in parts:
        table = pa.Table.from_pandas(part[schema.names], schema=schema, preserve_index=False)
        pq.write_table(table.replace_schema_metadata(None), folder / f"{month}.parquet", compression="zstd")


def _read_parts(folder: Path, schema: pa.Schema) -> pd.DataFrame:
    files = sorted(folder.glob("*.parquet"))
    if not files:
        found: pd.DataFrame = schema.empty_table().to_pandas()
        return found
    try:
        table = pa.concat_tables([pq.read_table(file, columns=schema.names).cast(schema) for file in files])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{folder} cannot be read ({reason}); expected columns {', '.join(schema.names)}") from None
    order = [name for name in ("device", "time", "from") if name in schema.names]
    frame: pd.DataFrame = table.to_pandas()
    return frame.sort_values(order, kind="stable", ignore_index=True)
