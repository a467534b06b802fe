"""The DVC stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fleetloop_edge.spec import Channel, FeatureSpec, to_dict
from pipelines.errors import DataError, ParamsError
from pipelines.features.grid import GridCount, grid_and_count
from pipelines.features.stored import grid_folder, spec_path
from pipelines.files import Place, replacing_folder, write_json
from pipelines.ingest import channels_of, read_events, rows_by_bucket, stream_devices, workers
from pipelines.params import load_params
from pipelines.validate import read_rejected


@dataclass(frozen=True)
class Job:
    """One bucket's grid, wherever it is made: rows never travel, only this and the account of what became of them."""

    place: Place
    dataset: str
    rows: tuple[Path, ...]  # the bucket's files
    spec: FeatureSpec
    channels: tuple[Channel, ...]
    target: Path


def main(place: Place, name: str) -> None:
    """Build one use case's grid, bucket by bucket: accepted rows → data/<name>/features/{grid/,spec.json}.

    By threads here or a Dask cluster's workers, as `compute` says. Raises ParamsError for a channel that the dataset
    does not have, DataError where no row can be used.
    """
    params = load_params(place.root)
    case = params.use_case(name)
    spec = case.features
    channels = _channels(name, spec, channels_of(params.dataset(case.dataset)))
    buckets = rows_by_bucket(place, case.dataset)
    with replacing_folder(grid_folder(place, name)) as folder:
        jobs = [
            Job(place, case.dataset, tuple(files), spec, channels, folder / f"{bucket}.parquet")
            for bucket, files in buckets.items()
        ]
        with workers(params.compute) as each:
            counts = list(each(write_bucket, jobs))
        _account(place, name, counts)
    write_json(spec_path(place, name), to_dict(spec))


def write_bucket(job: Job) -> GridCount:
    """Write a bucket's grid, some whole devices at a time; no file where no row can be used."""
    rejected = read_rejected(job.place, job.dataset)
    events = read_events(job.place, job.dataset) if job.spec.reset or job.spec.since else None
    counts, writer = [], None
    try:
        for rows in stream_devices(job.rows, job.spec.channels, f"fleetloop stage ingest {job.dataset}"):
            grid, count = grid_and_count(rows, rejected, job.spec, job.channels, events)
            counts.append(count)
            if len(grid):
                table = pa.Table.from_pandas(grid, preserve_index=False).replace_schema_metadata(None)
                if writer is None:
                    writer = pq.ParquetWriter(job.target, table.schema, compression="zstd", compression_level=1)
                writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    return sum_counts(counts)


def sum_counts(counts: Iterable[GridCount]) -> GridCount:
    """The account of several parts as one."""
    return GridCount(*(sum(values) for values in zip(*map(dataclasses.astuple, counts), strict=True)))


def _account(place: Place, name: str, counts: list[GridCount]) -> None:
    """Write what became of the rows. Raises DataError where none can be used."""
    count = sum_counts(counts)
    write_json(place.untracked(name, "features") / "rows.json", dataclasses.asdict(count))
    if count.slots == 0:
        raise DataError(
            f"{name}: none of {count.rows} rows can be used ({count.late} late, {count.early} measured after they were "
            f"received, {count.silent} without a value); see use_cases.{name}.features.late_s in params.yaml"
        )


def _channels(name: str, spec: FeatureSpec, known: dict[str, Channel]) -> tuple[Channel, ...]:
    for channel in spec.channels:
        if channel not in known:
            raise ParamsError(
                f"params.yaml: use_cases.{name}.features.channels: the dataset has no channel {channel!r}; "
                f"expected some of {', '.join(known)}"
            )
    return tuple(known[channel] for channel in spec.channels)
