"""What the stage leaves for later rooms: the grid, bucket by bucket, and the frozen feature spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from fleetloop_edge.spec import FeatureSpec, from_dict
from pipelines.by_device import BLOCK, blocks_of
from pipelines.errors import DataError
from pipelines.files import Place, read_json


def grid_folder(place: Place, use_case: str) -> Path:
    """data/<use case>/features/grid, with one file a bucket."""
    return place.room(use_case, "features") / "grid"


def spec_path(place: Place, use_case: str) -> Path:
    """data/<use case>/features/spec.json."""
    return place.room(use_case, "features") / "spec.json"


def read_grid(place: Place, use_case: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The grid of all devices, sorted by device and time; the row order that targets keep.

    device, time, received, segment, run, generation, age, `since.<event>`, the channels (float32),
    `<channel>.measured`; columns: those wanted, device among them. Raises DataError naming the command that makes it.
    """
    return pd.concat(stream_grid(place, use_case, columns), ignore_index=True)


def stream_grid(
    place: Place, use_case: str, columns: Sequence[str] | None = None, rows: int = BLOCK
) -> Iterator[pd.DataFrame]:
    """The same, some whole devices at a time: memory holds these and a batch of each bucket, not the fleet.

    rows: of these devices, unless one has more. Raises DataError naming the command that makes it.
    """
    for block in blocks_of(grid_files(place, use_case), made_by(use_case), columns, rows):
        yield block.to_pandas()


def grid_files(place: Place, use_case: str) -> list[Path]:
    """The grid's files, one a bucket, each sorted by device and time. Raises DataError where there are none."""
    folder = grid_folder(place, use_case)
    paths = sorted(folder.glob("bucket=*.parquet"))
    if not paths:
        raise DataError(f"{folder} holds no grid; make it with `{made_by(use_case)}`")
    return paths


def made_by(use_case: str) -> str:
    """The command that makes what stands here."""
    return f"fleetloop stage features {use_case}"


def read_spec(place: Place, use_case: str) -> FeatureSpec:
    """The feature spec as stated: what makes the grid. Raises DataError naming the command that makes it."""
    return read_spec_from(spec_path(place, use_case), made_by(use_case))


def read_spec_from(path: Path, command: str) -> FeatureSpec:
    """A stored feature spec. Raises DataError naming the command that makes it."""
    try:
        return from_dict(FeatureSpec, read_json(path, command))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is no feature spec ({error}); run `{command}` again") from None
