"""Targets, counts, and an audit that finds planted leaks and passes clean data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.spec import FeatureSpec
from pipelines.features import build_grid
from pipelines.params import SplitSpec
from pipelines.split import Split, split
from pipelines.split.association import auc, rank_correlation
from pipelines.split.audit import devices_on_one_side, duplicate_rows, windows_on_one_side
from pipelines.tasks import FailureWithinHorizon, RemainingUsefulLife, TaskSpec
from tests.builders.telemetry import CHANNELS, SPEC, START, failures, fleet, nothing_rejected

FEATURES = replace(SPEC, age=False, baseline_rows=0, spike=None, sequence=replace(SPEC.sequence, inputs=("value",)))
RULES = SplitSpec(seed=1, test=0.25, calibration=0.25, valid=0.2)
LIFE = RemainingUsefulLife(cap=30, healthy_beyond=30)
SOON = FailureWithinHorizon(horizon=5, healthy_beyond=20)
ROWS = 40


def places(rows: pd.DataFrame) -> pd.DataFrame:
    names = rows["device"].unique()
    return pd.DataFrame({"device": names, "side": pd.array([None] * len(names), dtype="str")})


def done(
    rows: pd.DataFrame, task: TaskSpec = LIFE, features: FeatureSpec = FEATURES, events: pd.DataFrame | None = None
) -> Split:
    grid = build_grid(rows, nothing_rejected(), features, CHANNELS)
    return split(grid, failures(rows) if events is None else events, places(rows), task, features, RULES)


def failed(found: Split) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


@pytest.mark.parametrize("task", [LIFE, SOON])
def test_clean_data_pass(task: TaskSpec) -> None:
    found = done(fleet(), task)
    assert failed(found) == [] and found.refusal is None
    assert sum(found.counts[side]["rows"] for side in ("train", "calibration", "test")) == len(found.targets)


def test_life_counts_down_to_the_failure() -> None:
    targets = done(fleet()).targets
    one = targets[targets["device"] == "pump-00"]
    np.testing.assert_array_equal(one["life"], np.arange(ROWS)[::-1])
    np.testing.assert_array_equal(one["target"], np.minimum(one["life"], 30))
    np.testing.assert_array_equal(one["ahead"], one["life"])
    np.testing.assert_array_equal(one["healthy"], one["life"] > 30)


def test_a_failure_after_the_last_row_is_known_though_no_row_reaches_it() -> None:
    rows = fleet()
    targets = done(rows, events=failures(rows, after=7.5)).targets
    assert targets["life"].min() == 7.5 and targets["ahead"].min() == 0


def test_a_history_without_failure_is_healthy_only_as_far_as_it_was_seen() -> None:
    rows = fleet()
    events = failures(rows)
    targets = done(rows, SOON, events=events[events["device"] != "pump-00"]).targets
    one = targets[targets["device"] == "pump-00"]
    np.testing.assert_array_equal(one["healthy"], one["ahead"] > 20)
    np.testing.assert_array_equal(one["target"].isna(), one["ahead"] < 5)


def test_targets_keep_the_order_of_the_grid() -> None:
    rows = fleet()
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    pd.testing.assert_frame_equal(done(rows).targets[["device", "time"]], grid[["device", "time"]])


def test_a_target_among_the_channels_is_found() -> None:
    rows = fleet()
    left = rows.groupby("device")["time"].transform("max") - rows["time"]
    echo = rows.assign(flow=(left.dt.total_seconds() / 100).astype("float32"))
    for task in (LIFE, SOON):
        found = done(echo, task)
        assert failed(found) == ["single_feature"] and "flow.value alone tells the answer" in str(found.refusal)


def test_a_device_under_two_names_is_found() -> None:
    rows = fleet()
    sides = done(rows).sides.set_index("device")["side"]
    of = {side: sides.index[sides == side][0] for side in ("train", "test")}
    clone = rows[rows["device"] == of["test"]].assign(device=of["train"])
    found = done(pd.concat([rows[rows["device"] != of["train"]], clone], ignore_index=True))
    assert failed(found) == ["duplicate_rows"] and of["train"] in str(found.refusal)


def test_a_device_with_rows_on_two_sides_is_found() -> None:
    rows = fleet()
    found = done(rows)
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    mixed = found.targets.assign(side=["test" if i % 2 else "train" for i in range(len(grid))])
    assert devices_on_one_side(mixed).sentence.startswith("24 devices on two sides: pump-00, pump-01")
    assert windows_on_one_side(grid, mixed).value == 24


def test_a_stuck_fleet_is_not_taken_for_duplicates() -> None:
    rows = fleet().assign(pressure=np.float32(1), flow=np.float32(1))
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    assert duplicate_rows(grid, done(rows).targets, FEATURES.channels, 0.05).value == 0


def test_a_side_without_a_known_target_is_refused() -> None:
    found = done(fleet(2))
    assert "every_side" in failed(found) and "try another split.seed" in str(found.refusal)


def test_too_few_failures_are_not_judged() -> None:
    found = {check.name: check for check in done(fleet(4)).checks}["single_feature"]
    assert found.passed and found.value is None and found.sentence.startswith("not judged:")


def test_ranks_share_ties() -> None:
    x, y = np.array([1.0, 2, 2, 3]), np.array([0.0, 0, 1, 1])
    assert auc(x, y) == 0.875
    assert rank_correlation(x, np.array([10.0, 20, 20, 90])) == pytest.approx(1)
    assert rank_correlation(x, np.ones(4)) == 0


def test_the_first_slot_is_where_the_fleet_starts() -> None:
    assert done(fleet()).targets["time"].min() == pd.Timestamp(START, unit="s", tz="UTC")
