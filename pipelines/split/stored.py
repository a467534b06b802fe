"""What the stage leaves for later rooms."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fleetloop_edge.spec import FeatureSpec
from pipelines.errors import DataError
from pipelines.features import read_spec_from
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
    return read_spec_from(spec_path(place, use_case), f"fleetloop stage split {use_case}")


def read_targets(place: Place, use_case: str) -> pd.DataFrame:
    """device, time, life, ahead, target, healthy, side, valid, fold: a line a row of `read_grid`, in its order.

    Raises DataError naming the command that makes it.
    """
    return read_table(targets_path(place, use_case), f"fleetloop stage split {use_case}")


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
