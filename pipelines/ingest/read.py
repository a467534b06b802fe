"""What other rooms read of ingest's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.by_device import blocks_of
from pipelines.errors import DataError
from pipelines.files import Place, read_json, read_table
from pipelines.ingest.schema import QUARANTINE, QUARANTINE_ORDER

KEYS = ("device", "time", "received")


def read_rows(place: Place, dataset: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Accepted rows sorted by device, time, received: device, time and received (UTC), then channels (float32).

    columns: the channels wanted, all of them by default. Raises DataError naming the command that makes the rows.
    """
    return read_rows_from(_tables(place, dataset), columns, f"fleetloop stage ingest {dataset}")


def stream_rows(place: Place, dataset: str, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
    """The same bucket by bucket: a device's rows are all in one piece. Memory holds a bucket, not the dataset."""
    yield from stream_rows_from(_tables(place, dataset), columns, f"fleetloop stage ingest {dataset}")


def stream_rows_from(
    folder: Path, columns: Sequence[str] | None = None, made_by: str = "fleetloop stage ingest DATASET"
) -> Iterator[pd.DataFrame]:
    """The same of a tables folder, or of a folder of rows itself."""
    for files in _buckets(folder, made_by):
        yield _read_rows(files, columns, made_by)


def rows_by_bucket(place: Place, dataset: str) -> dict[str, list[Path]]:
    """The files of each bucket of the rows, by the bucket's name ("bucket=3"), for `stream_devices`."""
    found = _buckets(_tables(place, dataset), f"fleetloop stage ingest {dataset}")
    return {files[0].parent.name: files for files in found}


def stream_devices(
    files: Sequence[Path], columns: Sequence[str], made_by: str = "fleetloop stage ingest DATASET"
) -> Iterator[pd.DataFrame]:
    """Rows of some buckets' files as `read_rows` orders them, some whole devices at a time: memory holds no bucket."""
    for block in blocks_of(files, made_by, [*KEYS, *columns]):
        yield block.to_pandas().sort_values(list(KEYS), kind="stable", ignore_index=True)


def read_rows_from(
    folder: Path, columns: Sequence[str] | None = None, made_by: str = "fleetloop stage ingest DATASET"
) -> pd.DataFrame:
    """All rows of a tables folder (the one that holds rows/), or of a folder of rows itself."""
    return _read_rows([file for files in _buckets(folder, made_by) for file in files], columns, made_by)


def _buckets(folder: Path, made_by: str) -> list[list[Path]]:
    """The files of each bucket. Raises DataError where there are none."""
    rows = folder / "rows" if (folder / "rows").is_dir() else folder
    found: dict[Path, list[Path]] = {}
    for file in sorted(rows.glob("bucket=*/*.parquet")):
        found.setdefault(file.parent, []).append(file)
    if not found:
        raise DataError(f"{rows} holds no rows; make them with `{made_by}`")
    return list(found.values())


def _read_rows(files: list[Path], columns: Sequence[str] | None, made_by: str) -> pd.DataFrame:
    wanted = None if columns is None else [*KEYS, *columns]
    rows = files[0].parents[1]
    try:
        table = pa.concat_tables([pq.read_table(file, columns=wanted, partitioning=None) for file in files])
    except (pa.ArrowInvalid, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{rows} cannot be read ({reason}); delete it and run `{made_by}` again") from None
    absent = [name for name in wanted or () if name not in table.column_names]
    if absent:
        raise DataError(f"{rows}: there is no channel {absent[0]!r}; run `{made_by}` again")
    frame: pd.DataFrame = table.to_pandas()
    return frame.sort_values(list(KEYS), kind="stable", ignore_index=True)


def read_events(place: Place, dataset: str) -> pd.DataFrame:
    """device, time, received (UTC), kind, value; sorted by device and time."""
    return _read(place, dataset, "events")


def read_labels(place: Place, dataset: str) -> pd.DataFrame:
    """device, from, to, label, received (UTC), by."""
    return _read(place, dataset, "labels")


def read_devices(place: Place, dataset: str) -> pd.DataFrame:
    """device, from (UTC), site, vendor, firmware, side: a line a device, and one more at each change."""
    return _read(place, dataset, "devices")


def read_files(place: Place, dataset: str) -> pd.DataFrame:
    """The accounting by file: source, file, records, accepted, quarantined, duplicates, cells_quarantined."""
    return _read(place, dataset, "files")


def read_quarantine(place: Place, dataset: str) -> pd.DataFrame:
    """source, file, record (line), offset (bytes), channel (None: the whole record), device, rule, reason, raw (bytes),
    mapping (version); sorted by source, file and record. What the contract rejected last is among them."""
    tables = _tables(place, dataset)
    if not tables.is_dir():
        raise DataError(f"{tables} does not exist; make it with `fleetloop stage ingest {dataset}`")
    parts = sorted((tables / "quarantine").rglob("*.parquet"))
    parts += sorted((place.room(dataset, "validate") / "quarantine").rglob("*.parquet"))
    empty = QUARANTINE.empty_table()
    frames = [pq.read_table(part, schema=QUARANTINE, partitioning=None) for part in parts]
    frame: pd.DataFrame = pa.concat_tables([empty, *frames]).to_pandas()
    return frame.sort_values(QUARANTINE_ORDER, kind="stable", na_position="first", ignore_index=True)


def ingest_report(place: Place, dataset: str) -> dict[str, Any]:
    """Records in and where they went, and each channel's statistics."""
    path = place.room(dataset, "ingest") / "report.json"
    report: dict[str, Any] = read_json(path, f"fleetloop stage ingest {dataset}")
    return report


def _read(place: Place, dataset: str, name: str) -> pd.DataFrame:
    return read_table(_tables(place, dataset) / f"{name}.parquet", f"fleetloop stage ingest {dataset}")


def _tables(place: Place, dataset: str) -> Path:
    return place.room(dataset, "ingest") / "tables"
