"""The DVC stage."""

from __future__ import annotations

import dataclasses

from fleetloop_edge.spec import Channel, FeatureSpec, to_dict
from pipelines.errors import DataError, ParamsError
from pipelines.features.grid import GridCount, grid_and_count
from pipelines.features.stored import grid_folder, spec_path
from pipelines.files import Place, replacing_folder, write_json, write_table
from pipelines.ingest import bucket_of, channels_of, read_events, stream_rows
from pipelines.params import load_params
from pipelines.validate import read_rejected


def main(place: Place, name: str) -> None:
    """Build one use case's grid, bucket by bucket: accepted rows → data/<name>/features/{grid/,spec.json}.

    Raises ParamsError for a channel that the dataset does not have, DataError where no row can be used.
    """
    params = load_params(place.root)
    case = params.use_case(name)
    dataset = params.dataset(case.dataset)
    spec = case.features
    channels = _channels(name, spec, channels_of(dataset))
    rejected = read_rejected(place, case.dataset)
    events = read_events(place, case.dataset) if spec.reset or spec.since else None
    counts = []
    with replacing_folder(grid_folder(place, name)) as folder:
        for rows in stream_rows(place, case.dataset, spec.channels):
            grid, count = grid_and_count(rows, rejected, spec, channels, events)
            counts.append(count)
            if len(grid):
                bucket = bucket_of(str(grid["device"].iloc[0]), dataset.storage.buckets)
                write_table(folder / f"bucket={bucket}.parquet", grid)
        _account(place, name, counts)
    write_json(spec_path(place, name), to_dict(spec))


def _account(place: Place, name: str, counts: list[GridCount]) -> None:
    """Write what became of the rows. Raises DataError where none can be used."""
    count = GridCount(*(sum(values) for values in zip(*map(dataclasses.astuple, counts), strict=True)))
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
