"""The DVC stage."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from fleetloop_edge.spec import Channel, FeatureSpec, to_dict
from pipelines.errors import DataError, ParamsError
from pipelines.features.grid import grid_and_count
from pipelines.features.stored import grid_folder, spec_path
from pipelines.files import Place, replacing_folder, write_json, write_table
from pipelines.ingest import bucket_of, channels_of, read_events, read_rows
from pipelines.params import load_params
from pipelines.validate import read_rejected


def main(place: Place, name: str) -> None:
    """Build one use case's grid: accepted rows → data/<name>/features/{grid/,spec.json}.

    Raises ParamsError for a channel that the dataset does not have, DataError where no row can be used.
    """
    params = load_params(place.root)
    case = params.use_case(name)
    dataset = params.dataset(case.dataset)
    spec = case.features
    channels = _channels(name, spec, channels_of(dataset))
    rows = read_rows(place, case.dataset, spec.channels)
    events = read_events(place, case.dataset) if spec.reset or spec.since else None
    grid, count = grid_and_count(rows, read_rejected(place, case.dataset), spec, channels, events)
    write_json(place.untracked(name, "features") / "rows.json", dataclasses.asdict(count))
    if grid.empty:
        raise DataError(
            f"{name}: none of {count.rows} rows can be used ({count.late} late, {count.early} measured after they were "
            f"received, {count.silent} without a value); see use_cases.{name}.features.late_s in params.yaml"
        )
    with replacing_folder(grid_folder(place, name)) as folder:
        for bucket, part in grid.groupby(_buckets(grid["device"], dataset.storage.buckets), sort=True):
            write_table(folder / f"bucket={bucket}.parquet", part)
    write_json(spec_path(place, name), to_dict(spec))


def _channels(name: str, spec: FeatureSpec, known: dict[str, Channel]) -> tuple[Channel, ...]:
    for channel in spec.channels:
        if channel not in known:
            raise ParamsError(
                f"params.yaml: use_cases.{name}.features.channels: the dataset has no channel {channel!r}; "
                f"expected some of {', '.join(known)}"
            )
    return tuple(known[channel] for channel in spec.channels)


def _buckets(devices: pd.Series, count: int) -> np.ndarray:
    """(n,) bucket of each row's device; a device lies in the bucket in which ingest keeps its rows."""
    names, codes = np.unique(devices.to_numpy(dtype=object), return_inverse=True)
    return np.array([bucket_of(name, count) for name in names], dtype=np.int64)[codes]
