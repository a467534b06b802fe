"""Sides by time and by both: an embargo between them, cuts that move forward alone, folds of train."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop_edge.spec import Trailing
from pipelines.errors import ParamsError, Refused
from pipelines.features import build_grid
from pipelines.params import SplitSpec
from pipelines.split import Split, assign_sides, split
from pipelines.split.audit import windows_on_one_side
from pipelines.split.embargo import embargo_of, reach_back
from pipelines.split.placed import place_rows
from pipelines.split.sides import SIDES
from pipelines.tasks import FailureWithinHorizon
from pipelines.train import windows_of
from tests.builders.telemetry import CHANNELS, PERIOD, SPEC, START, device_rows, fleet, nothing_rejected, table

FEATURES = replace(
    SPEC, age=False, baseline_rows=0, spike=None, ewma=(0.5,), trailing=(Trailing(("mean",), (8,)),),
    sequence=replace(SPEC.sequence, inputs=("value",)),
)  # fmt: skip
TASK = FailureWithinHorizon(horizon=5, healthy_beyond=20)
RULES = SplitSpec(by="time", test=0.25, calibration=0.25, valid=0.2)
APART = 5 + 8  # periods: the horizon and the longest window


def one_machine(rows: int = 400) -> pd.DataFrame:
    return table(device_rows("press", rows, seed=3))


def breaks(rows: pd.DataFrame, every: int = 40) -> pd.DataFrame:
    """Events: each device fails every `every` periods."""
    found = [
        {"device": device, "time": history["time"].iloc[i], "kind": "failure", "value": np.nan}
        for device, history in rows.groupby("device")
        for i in range(every - 1, len(history), every)
    ]
    events = pd.DataFrame(found, columns=["device", "time", "kind", "value"]).astype(
        {"device": "str", "time": rows["time"].dtype}
    )
    return events.assign(received=events["time"])


def sides_of(rows: pd.DataFrame, rules: SplitSpec = RULES) -> pd.DataFrame:
    """device, time, side of every row, without the audit."""
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    devices = pd.DataFrame({"device": rows["device"].unique()}).assign(side=pd.array([None], dtype="str")[0])
    placed = place_rows(grid, assign_sides(devices["device"], devices, rules), rules, APART, PERIOD)
    return grid[["device", "time"]].join(placed)


def done(rows: pd.DataFrame, rules: SplitSpec = RULES, given: dict[str, str] | None = None) -> Split:
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    names = rows["device"].unique()
    devices = pd.DataFrame({"device": names, "side": pd.array([(given or {}).get(n) for n in names], dtype="str")})
    return split(grid, breaks(rows), devices, TASK, FEATURES, rules)


def failed(found: Split) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


def test_one_machine_is_cut_in_train_calibration_and_test_in_this_order() -> None:
    found = done(one_machine())
    assert found.refusal is None
    assert found.sides["side"].tolist() == ["train", "train", "embargo", "calibration", "embargo", "test"]
    assert found.sides["valid"].tolist() == [False, True, False, False, False, False]
    assert found.counts["embargo"]["rows"] == 2 * APART == 2 * found.embargo
    assert found.counts["test"]["rows"] == 100 and found.counts["calibration"]["rows"] == 100 - APART
    assert sum(found.sides["rows"]) == 400 and sum(found.sides["failures"]) == 10


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["time", "both"]), st.sampled_from(["calendar", "device"]), st.integers(1, 6), st.integers(60, 160)
)
def test_two_sides_of_a_device_are_never_nearer_than_horizon_and_window(
    by: str, clock: str, devices: int, length: int
) -> None:
    rules = RULES.model_copy(update={"by": by, "clock": clock})
    rows = fleet(devices, length)
    targets = sides_of(rows, rules)
    assert windows_on_one_side(targets, APART, PERIOD).passed
    assert set(targets["side"]) <= {*SIDES, "embargo", "unused"}


def test_a_window_on_two_sides_is_found() -> None:
    targets = done(one_machine()).targets
    spoiled = targets.assign(side=targets["side"].replace("embargo", "train"))
    found = windows_on_one_side(spoiled, APART, PERIOD)
    assert not found.passed and "1 devices with windows on two sides" in found.sentence and "press" in found.sentence


def test_stated_cuts_hold_however_the_data_grow() -> None:
    at = datetime.fromtimestamp(START, UTC)
    stated = {
        "calibration_from": at + timedelta(seconds=200 * PERIOD),
        "test_from": at + timedelta(seconds=300 * PERIOD),
    }
    rules = RULES.model_copy(update=stated)
    before, after = sides_of(one_machine(400), rules), sides_of(one_machine(500), rules)
    assert before["side"].tolist() == after["side"][:400].tolist()
    assert before["side"].value_counts().to_dict() == {
        "train": 200 - APART, "calibration": 100 - APART, "test": 100, "embargo": 2 * APART,
    }  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(st.integers(200, 400), st.integers(1, 200))
def test_cuts_by_shares_move_forward_alone(rows: int, more: int) -> None:
    first = [sides_of(one_machine(n)).groupby("side")["time"].min() for n in (rows, rows + more)]
    assert first[1]["test"] >= first[0]["test"] and first[1]["calibration"] >= first[0]["calibration"]


def test_by_both_a_test_row_is_of_a_test_device_and_a_test_time() -> None:
    rules = SplitSpec(by="both", seed=1, test=0.25, calibration=0.25)
    found = done(fleet(24, 200), rules)
    targets = found.targets
    assert failed(found) in ([], ["balance"]) and found.counts["unused"]["rows"] > 0
    seen = targets[targets["side"].isin(SIDES)]
    assert seen.groupby("device")["side"].nunique().max() == 1
    assert seen.loc[seen["side"] == "train", "time"].max() < seen.loc[seen["side"] == "calibration", "time"].min()
    assert seen.loc[seen["side"] == "calibration", "time"].max() < seen.loc[seen["side"] == "test", "time"].min()


def test_a_side_that_the_dataset_gives_holds_in_a_split_by_time() -> None:
    found = done(fleet(6, 200), given={"pump-00": "test"})
    assert set(found.targets.loc[found.targets["device"] == "pump-00", "side"]) == {"test"}


def test_the_clock_of_each_device_cuts_each_history() -> None:
    rows = fleet(4, 200)
    late = rows["device"] == "pump-03"  # comes when the others are gone
    rows.loc[late, ["time", "received"]] += pd.Timedelta(days=30)
    targets = sides_of(rows, RULES.model_copy(update={"clock": "device"}))
    assert (targets.groupby("device")["side"].nunique() == 4).all()
    calendar = sides_of(rows)
    assert set(calendar.loc[calendar["device"] == "pump-03", "side"]) <= {"test", "embargo", "calibration"}


def test_a_shorter_embargo_than_horizon_and_window_is_refused() -> None:
    assert reach_back(FEATURES) == 8 and embargo_of(TASK, FEATURES, RULES) == APART
    with pytest.raises(ParamsError, match="split.embargo is 3 periods, less than the 13"):
        done(one_machine(), RULES.model_copy(update={"embargo": 3}))
    assert done(one_machine(), RULES.model_copy(update={"embargo": 30})).embargo == 30


def test_a_history_too_short_for_its_embargo_is_refused_in_words() -> None:
    found = done(one_machine(30))
    assert found.gain.sentence.startswith("not measured: train has no two devices, or stretches of time")
    assert "every_side" in failed(found) and "the embargo took" in str(found.refusal)


def test_folds_of_time_stand_an_embargo_apart() -> None:
    targets = sides_of(one_machine())
    train = targets[targets["side"] == "train"]
    starts = train[train["fold"] >= 0].groupby("fold")["time"].agg(["min", "max"])
    assert starts.index.tolist() == [0, 1, 2, 3]
    apart = (starts["min"].to_numpy()[1:] - starts["max"].to_numpy()[:-1]) / np.timedelta64(int(PERIOD), "s")
    assert (apart > APART).all() and (targets.loc[targets["side"] != "train", "fold"] == -1).all()


def test_folds_by_device_hold_whole_devices_and_are_of_like_size() -> None:
    targets = sides_of(fleet(24), SplitSpec(seed=1))
    train = targets[targets["side"] == "train"]
    assert (train.groupby("device")["fold"].nunique() == 1).all()
    sizes = train.groupby("fold")["device"].nunique()
    assert len(sizes) == 4 and sizes.max() - sizes.min() <= 1


def test_windows_of_a_side_look_back_over_the_embargo_and_answer_for_their_own_rows() -> None:
    rows = one_machine()
    grid, found = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS), done(rows)
    whole = windows_of(grid, found.targets, FEATURES, None)
    for side in SIDES:
        windows = windows_of(grid, found.targets, FEATURES, side)
        mine = (found.targets["side"] == side) & (~found.targets["valid"] if side == "train" else True)
        np.testing.assert_array_equal(windows.row, np.flatnonzero(mine & (grid["run"] >= FEATURES.min_rows)))
        np.testing.assert_array_equal(windows.features[windows.end], whole.features[windows.row])
        np.testing.assert_array_equal(
            windows.reach(np.arange(len(windows)))[0][-1], windows.row[-1] - np.arange(6)[::-1]
        )


def test_a_device_on_two_sides_by_the_dataset_is_refused_by_name() -> None:
    rows = fleet(2)
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    devices = pd.DataFrame({"device": ["pump-00"] * 2, "side": pd.array(["train", "test"], dtype="str")})
    with pytest.raises(Refused, match="pump-00"):
        split(grid, breaks(rows), devices, TASK, FEATURES, RULES)
