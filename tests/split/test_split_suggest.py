"""A seed that balances a small fleet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipelines.errors import DataError, ParamsError
from pipelines.params import SplitSpec
from pipelines.split import suggest_seed
from pipelines.split.balance import balanced, fleet_of, unevenness
from pipelines.split.suggest import best_seed
from tests.builders.checkout import ingested
from tests.builders.laps import edit
from tests.builders.telemetry import failures, fleet
from tests.split.test_split_stage import ready

SPEC = SplitSpec(seed=0, test=0.25, calibration=0.25)
NAMES = [f"pump-{i:02d}" for i in range(16)]
DEVICES = pd.DataFrame({"device": NAMES, "vendor": ["aquatek", "cima"] * 8, "site": "north"})
TABLE = pd.DataFrame({"device": NAMES, "given": False, "rows": range(10, 26), "failures": [1, 0, 0, 0] * 4})


def test_the_best_seed_is_more_even_than_the_first_and_says_so() -> None:
    fleet_ = fleet_of(TABLE, DEVICES)
    assert fleet_.quantities == ("devices", "rows", "failures", "devices of vendor aquatek", "devices of vendor cima")
    found = best_seed(fleet_, SPEC, 300)
    assert found.uneven.worst < found.now_uneven.worst
    assert unevenness(fleet_, SPEC.model_copy(update={"seed": found.seed})) == found.uneven


def test_a_seed_that_is_the_best_stays() -> None:
    fleet_ = fleet_of(TABLE, DEVICES)
    seed = best_seed(fleet_, SPEC, 300).seed
    again = best_seed(fleet_, SPEC.model_copy(update={"seed": seed}), 300)
    assert (again.seed, again.uneven) == (seed, again.now_uneven)


def test_an_uneven_fleet_is_told_of_and_refuses_nothing() -> None:
    check = balanced(TABLE, DEVICES, SPEC.model_copy(update={"balance_max": 0.01}))
    assert not check.passed and not check.refuses and "`fleetloop split suggest`" in check.sentence


def test_given_sides_are_not_weighed() -> None:
    assert balanced(TABLE.assign(given=True), DEVICES, SPEC).value is None


def test_a_use_case_gets_its_suggestion(tmp_path: Path) -> None:
    found = suggest_seed(ready(tmp_path), "lives", 100)
    assert found.devices == 24 and found.tried == 100 and found.uneven.worst <= found.now_uneven.worst


def test_a_split_by_time_has_no_seed(tmp_path: Path) -> None:
    place = ready(tmp_path)
    edit(tmp_path, **{"use_cases.lives.split": {"by": "time"}})
    with pytest.raises(ParamsError, match="split by time, which takes no seed"):
        suggest_seed(place, "lives", 10)


def test_without_a_grid_the_command_that_makes_it_is_named(tmp_path: Path) -> None:
    rows = fleet()
    with pytest.raises(DataError, match="fleetloop stage features lives"):
        suggest_seed(ingested(tmp_path, rows, failures(rows)), "lives", 10)
