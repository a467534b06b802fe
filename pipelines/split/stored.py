"""What the stage leaves for later rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from fleetloop_edge.spec import FeatureSpec
from pipelines.by_device import Lengths
from pipelines.errors import DataError
from pipelines.features import read_spec_from, stream_grid
from pipelines.files import Place, read_table


def targets_path(place: Place, use_case: str) -> Path:
    """data/<use case>/split/targets.parquet."""
    return place.room(use_case, "split") / "targets.parquet"


def sides_path(place: Place, use_case: str) -> Path:
    """data/<use case>/split/sides.csv."""
    return place.room(use_case, "split") / "sides.csv"


def spec_path(place: Place, use_case: str) -> Path:
    """data/<use case>/split/spec.json: the feature spec with what the train rows taught."""
    return place.room(use_case, "split") / "spec.json"


def read_learnt_spec(place: Place, use_case: str) -> FeatureSpec:
    """The frozen feature spec, norms included. Raises DataError naming the command that makes it."""
    return read_spec_from(spec_path(place, use_case), _made_by(use_case))


def read_targets(place: Place, use_case: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """device, time, life, ahead, target, healthy, side, valid, fold: a line a row of `read_grid`, in its order.

    columns: those wanted. Raises DataError naming the command that makes it.
    """
    return read_table(targets_path(place, use_case), _made_by(use_case), columns)


def stream_aligned(
    place: Place, use_case: str, of_grid: Sequence[str], of_targets: Sequence[str]
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The grid, some whole devices at a time, and the targets of the same rows; the columns that are named.

    Raises DataError where the two are of different versions, or naming the command that makes what is not there.
    """
    targets = Lengths(targets_path(place, use_case), _made_by(use_case), of_targets)
    for grid in stream_grid(place, use_case, of_grid):
        part = targets.take(len(grid))
        if part is None or len(part) < len(grid):
            raise _of_two_versions(use_case)
        yield grid, part.to_pandas()
    if targets.take(1) is not None:
        raise _of_two_versions(use_case)


def _of_two_versions(use_case: str) -> DataError:
    return DataError(
        f"{use_case}: the grid and targets.parquet have not the same number of rows; run `dvc repro split@{use_case}` "
        f"so that both are of one version"
    )


def _made_by(use_case: str) -> str:
    return f"fleetloop stage split {use_case}"


def read_sides(place: Place, use_case: str) -> pd.DataFrame:
    """device, side, given, valid, from, until, rows, rows_known, failures: a line a device and side.

    Raises DataError naming the command that makes it.
    """
    path = sides_path(place, use_case)
    try:
        return pd.read_csv(
            path,
            dtype={"device": "str", "side": "str", "given": "bool", "valid": "bool"},
            parse_dates=["from", "until"],
        )
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; make it with `fleetloop stage split {use_case}`") from None
    except ValueError as error:
        raise DataError(f"{path} cannot be read ({error}); run `fleetloop stage split {use_case}` again") from None


def sides_csv(sides: pd.DataFrame) -> bytes:
    """The table as people read it, times in ISO."""
    text: str = sides.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%SZ")
    return text.encode()
