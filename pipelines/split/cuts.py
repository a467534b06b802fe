"""Where time is cut: stated dates, or shares of the rows; cuts move forward alone as the data grow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.errors import ParamsError
from pipelines.params import SplitSpec

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Cuts:
    """calibration, test: (n,) the times in UTC at which those sides begin for each row's device."""

    calibration: Times
    test: Times


def find_cuts(grid: pd.DataFrame, spec: SplitSpec) -> Cuts:
    """The cuts of each row of the grid. Raises ParamsError where they are out of order."""
    calibration = _begins(grid, 1 - spec.test - spec.calibration, spec.calibration_from, spec)
    test = _begins(grid, 1 - spec.test, spec.test_from, spec)
    if (calibration > test).any():
        raise ParamsError(
            f"params.yaml: split.calibration_from ({calibration.max()}) must not be later than the start of the test "
            f"side ({test.min()}); state both, or neither"
        )
    return Cuts(calibration, test)


def _begins(grid: pd.DataFrame, share: float, stated: datetime | None, spec: SplitSpec) -> Times:
    if stated is None:
        return times_at(grid, share, spec.clock == "device")
    return np.full(len(grid), np.datetime64(stated.astimezone(UTC).replace(tzinfo=None), "us"))


def times_at(grid: pd.DataFrame, share: float, by_device: bool) -> Times:
    """(n,) the time before which `share` of all rows lie, or of each device's own rows."""
    time = slot_times(grid)
    if not by_device:
        order = np.sort(time)
        return np.full(len(time), order[min(len(order) - 1, int(share * len(order)))])
    place = grid.groupby("device", sort=False).cumcount().to_numpy()
    size = grid.groupby("device", sort=False)["time"].transform("size").to_numpy()
    first = np.flatnonzero(place == 0)
    at = np.minimum(size[first] - 1, (share * size[first]).astype(np.int64))
    return np.repeat(time[first + at], size[first])


def slot_times(grid: pd.DataFrame) -> Times:
    """(n,) the rows' times in UTC."""
    return pd.DatetimeIndex(grid["time"]).tz_localize(None).to_numpy().astype("datetime64[us]")
