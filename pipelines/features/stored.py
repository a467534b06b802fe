"""What the stage leaves for later rooms: the grid, bucket by bucket, and the frozen feature spec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fleetloop_edge.spec import FeatureSpec, from_dict
from pipelines.errors import DataError
from pipelines.files import Place, read_json, read_table


def grid_folder(place: Place, use_case: str) -> Path:
    """data/<use case>/features/grid, with one file a bucket."""
    return place.room(use_case, "features") / "grid"


def spec_path(place: Place, use_case: str) -> Path:
    """data/<use case>/features/spec.json."""
    return place.room(use_case, "features") / "spec.json"


def read_grid(place: Place, use_case: str) -> pd.DataFrame:
    """The grid of all devices, sorted by device and time; the row order that targets keep.

    device, time, received, segment, run, the channels (float32), `<channel>.measured`.
    Raises DataError naming the command that makes it.
    """
    grid = pd.concat([part for _, part in stream_grid(place, use_case)], ignore_index=True)
    return grid.sort_values(["device", "time"], kind="stable", ignore_index=True)


def stream_grid(place: Place, use_case: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The same bucket by bucket: its name, and its whole devices sorted by device and time.

    Raises DataError naming the command that makes it.
    """
    made_by = f"fleetloop stage features {use_case}"
    folder = grid_folder(place, use_case)
    paths = sorted(folder.glob("bucket=*.parquet"))
    if not paths:
        raise DataError(f"{folder} holds no grid; make it with `{made_by}`")
    for path in paths:
        yield path.stem, read_table(path, made_by)


def read_spec(place: Place, use_case: str) -> FeatureSpec:
    """The feature spec as stated: what makes the grid. Raises DataError naming the command that makes it."""
    return read_spec_from(spec_path(place, use_case), f"fleetloop stage features {use_case}")


def read_spec_from(path: Path, made_by: str) -> FeatureSpec:
    """A stored feature spec. Raises DataError naming `made_by`, the command that makes it."""
    try:
        return from_dict(FeatureSpec, read_json(path, made_by))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is no feature spec ({error}); run `{made_by}` again") from None
