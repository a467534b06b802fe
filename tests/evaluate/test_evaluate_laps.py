"""Laps in small, from the grid to the bundle: without stated features, of one device, by device and time at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flows.checkout import set_params
from pipelines.errors import Refused
from pipelines.evaluate.stage import main as evaluate
from pipelines.export.stage import main as export
from pipelines.features.stage import main as features
from pipelines.files import Place, read_json
from pipelines.split import read_sides, read_targets
from pipelines.split.stage import main as split
from pipelines.train.stage import train_baseline, train_sequence
from tests.builders.checkout import ingested
from tests.builders.telemetry import PERIOD, failures, fleet

CASE = "use_cases.lives"
DATES = {"calibration": 160, "test": 290}  # periods after the first row
SMALL = {
    f"{CASE}.train": {
        "baseline": {"trees": 10, "leaves": 4, "min_leaf": 5},
        "sequence": {"hidden": 4, "steps": 10, "batch": 16},
    },
    f"{CASE}.evaluate": {"gates": [{"metric": "rmse_all_rows", "at_most": 1000}], "bootstrap": 100},
    f"{CASE}.export": {"int8_score_error_max": 1000, "int8_decisions_flipped_max": 1.0, "parity_rows": 60},
}


def lap(place: Place, **changes: Any) -> dict[str, Any]:
    """All stages after validate; what export reports."""
    set_params(place.root, SMALL | {f"{CASE}.{key}": value for key, value in changes.items()})
    for stage in (features, split, train_baseline, train_sequence, evaluate, export):
        stage(place, "lives")
    found: dict[str, Any] = read_json(place.room("lives", "export") / "report.json", "")
    return found


@pytest.mark.slow
def test_a_use_case_without_features_goes_through_a_lap(tmp_path: Path) -> None:
    rows = fleet(24, 40)
    place = ingested(tmp_path, rows, failures(rows))
    found = lap(place, features={})
    assert found["chosen"] in ("baseline", "sequence") and found["parity"]["rows"] > 0
    left_out = read_json(place.room("lives", "train") / "baseline" / "model.json", "")["useless"]
    assert set(left_out) == {"missing", "constant", "duplicates"}


@pytest.mark.slow
def test_one_device_that_failed_often_goes_through_a_lap_by_time(tmp_path: Path) -> None:
    rows = fleet(1, 600)
    ends = pd.DatetimeIndex(rows["time"].iloc[29::30]).floor(f"{PERIOD:g}s")
    events = pd.DataFrame({"device": "pump-00", "time": ends, "received": ends, "kind": "failure", "value": np.nan})
    place = ingested(tmp_path, rows, events)
    found = lap(place, split={"by": "time", "test": 0.25, "calibration": 0.25})
    assert found["parity"]["devices"] == 1
    page = (place.room("lives", "evaluate") / "features" / "index.html").read_text()
    assert "Most useful" in page and "Least useful" in page and "<svg" in page
    sides = read_sides(place, "lives")
    assert sides["device"].nunique() == 1 and {"train", "calibration", "test"} <= set(sides["side"])


@pytest.mark.slow
def test_a_split_by_device_and_stated_dates_goes_through_a_lap(tmp_path: Path) -> None:
    rows = fleet(30, 400)
    ends = rows.iloc[39::40][["device", "time"]]
    ends = ends.assign(time=ends["time"].dt.floor(f"{PERIOD:g}s"))
    events = ends.assign(received=ends["time"], kind="failure", value=np.nan).reset_index(drop=True)
    place, first = ingested(tmp_path, rows, events), rows["time"].min()
    dates = {f"{side}_from": (first + pd.Timedelta(seconds=n * PERIOD)).isoformat() for side, n in DATES.items()}
    lap(place, split={"by": "both", "seed": 1, "test": 0.3, "calibration": 0.3, **dates})
    targets = read_targets(place, "lives")
    used = targets[targets["side"].isin(["train", "calibration", "test"])]
    assert (used.groupby("device")["side"].nunique() == 1).all() and {"unused", "embargo"} <= set(targets["side"])
    begins = used.groupby("side")["time"].agg(["min", "max"])
    assert begins.loc["train", "max"] < begins.loc["calibration", "min"] < begins.loc["test", "min"]


@pytest.mark.slow
def test_one_device_by_device_is_refused_with_the_way_to_go(tmp_path: Path) -> None:
    rows = fleet(1, 60)
    place = ingested(tmp_path, rows, failures(rows))
    with pytest.raises(Refused, match="with one device or very few, split by time"):
        lap(place)
