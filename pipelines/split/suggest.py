"""A seed that balances a small fleet."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipelines.errors import ParamsError
from pipelines.features import read_grid
from pipelines.files import Place
from pipelines.ingest import read_devices, read_events
from pipelines.params import SplitSpec, load_params
from pipelines.split.balance import Fleet, Uneven, fleet_of, unevenness
from pipelines.split.sides import given_sides

HASHES_MAX = 2_000_000


@dataclass(frozen=True)
class Suggestion:
    """The seed to take instead of the present one, and how uneven each is."""

    now: int
    now_uneven: Uneven
    seed: int
    uneven: Uneven
    devices: int
    tried: int


def suggest_seed(place: Place, use_case: str, seeds: int) -> Suggestion:
    """The best of `seeds` seeds for the devices that have rows in the grid.

    Raises ParamsError where there is nothing to balance, DataError where the grid is not there yet.
    """
    case = load_params(place.root).use_case(use_case)
    if case.split.by == "time":
        raise ParamsError(f"{use_case} is split by time, which takes no seed; balance it by the shares or the dates")
    devices = read_devices(place, case.dataset)
    fleet = fleet_of(
        _table(
            read_grid(place, use_case, ["device", "time"]), read_events(place, case.dataset), devices, case.task.failure
        ),
        devices,
    )
    if not fleet.names:
        raise ParamsError(f"the dataset of {use_case} gives every device its side; there is nothing to balance")
    return best_seed(fleet, case.split, seeds)


def best_seed(fleet: Fleet, spec: SplitSpec, seeds: int) -> Suggestion:
    """The seed of 0 … seeds - 1 whose worst share is least off; the present one where none is better."""
    tried = max(1, min(seeds, HASHES_MAX // len(fleet.names)))
    now = unevenness(fleet, spec)
    best, found = spec.seed, now
    for seed in range(tried):
        uneven = unevenness(fleet, spec.model_copy(update={"seed": seed}))
        if (uneven.worst, uneven.mean) < (found.worst, found.mean):
            best, found = seed, uneven
    return Suggestion(spec.seed, now, best, found, len(fleet.names), tried)


def _table(grid: pd.DataFrame, events: pd.DataFrame, devices: pd.DataFrame, failure: str) -> pd.DataFrame:
    table = grid.groupby("device", as_index=False).agg(rows=("time", "size"))
    fell = events.loc[events["kind"] == failure, "device"].value_counts()
    given = given_sides(devices)
    failures = table["device"].map(fell).fillna(0).astype("int64")
    return table.assign(failures=failures, given=table["device"].isin(given))
