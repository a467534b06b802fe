"""Targets, counts, and an audit that finds planted leaks and passes clean data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.spec import FeatureSpec, Normalise
from pipelines.features import build_grid, compute
from pipelines.params import SplitSpec
from pipelines.split import Split, split
from pipelines.split.association import auc, determined, rank_correlation
from pipelines.split.audit import devices_on_one_side, future_shift, windows_on_one_side
from pipelines.split.copies import duplicate_rows
from pipelines.tasks import FailureWithinHorizon, RemainingUsefulLife, TaskSpec
from tests.builders.telemetry import CHANNELS, SPEC, START, failures, fleet, nothing_rejected

FEATURES = replace(SPEC, age=False, baseline_rows=0, spike=None, sequence=replace(SPEC.sequence, inputs=("value",)))
RULES = SplitSpec(seed=1, test=0.25, calibration=0.25, valid=0.2, balance_max=0.2)
LIFE = RemainingUsefulLife(cap=30, healthy_beyond=30)
SOON = FailureWithinHorizon(horizon=5, healthy_beyond=20)
ROWS = 40


def places(rows: pd.DataFrame) -> pd.DataFrame:
    names = rows["device"].unique()
    return pd.DataFrame({"device": names, "side": pd.array([None] * len(names), dtype="str")})


def done(
    rows: pd.DataFrame,
    task: TaskSpec = LIFE,
    features: FeatureSpec = FEATURES,
    events: pd.DataFrame | None = None,
    rules: SplitSpec = RULES,
) -> Split:
    grid = build_grid(rows, nothing_rejected(), features, CHANNELS)
    return split(grid, failures(rows) if events is None else events, places(rows), task, features, rules)


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
    found = done(echo)
    assert failed(found) == ["target_echo", "single_feature"]
    assert "nearly a function of channel flow" in str(found.refusal)


def test_an_echo_of_any_shape_is_found_and_may_be_accepted() -> None:
    rows = fleet()
    slot = rows["time"].dt.floor("60s")
    left = (slot.groupby(rows["device"]).transform("max") - slot).dt.total_seconds() / 60
    soon = rows.assign(flow=np.where(left <= 5, left % 2, 0.5).astype("float32"))
    assert "target_echo" in failed(done(soon, SOON))
    known = RULES.model_copy(update={"accept": ("target_echo",)})
    assert done(soon, SOON, rules=known).refusal is None


def test_a_feature_that_is_too_good_is_told_and_does_not_refuse() -> None:
    rows = fleet()
    left = (rows.groupby("device")["time"].transform("max") - rows["time"]).dt.total_seconds() / 60
    rng = np.random.default_rng(0)
    hint = rows.assign(flow=(left / 10 + rng.normal(0, 0.05, len(rows))).astype("float32"))
    rules = RULES.model_copy(update={"echo_max": 1.0, "single_feature_max": 0.95})
    found = done(hint, rules=rules)
    assert failed(found) == ["single_feature"] and found.refusal is None


def test_features_that_look_ahead_are_found() -> None:
    rows = fleet()
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    targets = done(rows).targets

    def smoothed(history: pd.DataFrame, spec: FeatureSpec) -> np.ndarray:
        return compute(history, spec) - np.float32(history["flow"].mean())

    assert future_shift(grid, targets, FEATURES, 3).passed
    found = future_shift(grid, targets, FEATURES, 3, smoothed)
    assert not found.passed and "features changed by rows that came after" in found.sentence


@pytest.mark.parametrize("way", ["standardised", "stretched"])
def test_channels_scaled_with_the_test_rows_in_hand_are_told(way: str) -> None:
    rows = fleet()
    seen = rows[["pressure", "flow"]].astype("float64")
    low, span = (seen.mean(), seen.std(ddof=0)) if way == "standardised" else (seen.min(), seen.max() - seen.min())
    raw = replace(FEATURES, spike=None)
    found = done(rows.assign(**((seen - low) / span).astype("float32")), features=raw)
    assert failed(found) == ["scaling_on_test"] and found.refusal is None
    said = next(check.sentence for check in found.checks if check.name == "scaling_on_test")
    assert said.startswith(("flow", "pressure"))


def test_norms_are_those_of_train_whatever_the_other_sides_hold() -> None:
    rows = fleet()
    spec = replace(FEATURES, normalise=Normalise())
    honest = done(rows, features=spec)
    train = honest.sides.loc[(honest.sides["side"] == "train") & ~honest.sides["valid"], "device"]
    others = ~rows["device"].isin(train)
    moved = rows.assign(flow=rows["flow"].where(~others, rows["flow"] * 3 + 1).astype("float32"))
    assert done(moved, features=spec).spec.norms == honest.spec.norms


def test_what_cheating_would_gain_is_told() -> None:
    """Each device has a level of its own that says nothing of its life, but tells its rows apart from others'."""
    rng = np.random.default_rng(0)
    rows = fleet(count=40)
    level = rows.groupby("device")["time"].transform(lambda _: rng.normal())
    hours = (rows["time"] - rows.groupby("device")["time"].transform("min")).dt.total_seconds() / 60
    told = done(rows.assign(flow=level.astype("float32"), pressure=(hours + 1e4).astype("float32"))).gain
    assert told.measure == "rmse" and told.difference is not None and told.difference < -0.5
    assert "than the truth" in told.sentence


def test_what_cheating_would_gain_is_not_told_of_little() -> None:
    assert done(fleet(4)).gain.sentence.startswith("not measured:")


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
    mixed = found.targets.assign(side=["test" if i % 2 else "train" for i in range(len(rows))])
    assert devices_on_one_side(mixed, RULES).sentence.startswith("24 devices on two sides: pump-00, pump-01")
    assert windows_on_one_side(mixed, 10, FEATURES.period_s).value == 24


def test_a_stuck_fleet_is_not_taken_for_duplicates() -> None:
    rows = fleet().assign(pressure=np.float32(1), flow=np.float32(1))
    grid = build_grid(rows, nothing_rejected(), FEATURES, CHANNELS)
    assert duplicate_rows(grid, done(rows).targets, FEATURES.channels, RULES).value == 0


def test_a_coarse_sensor_is_not_taken_for_duplicates() -> None:
    """Two levels alone: five rows in a row come again everywhere, twenty do not."""
    rows = fleet()
    coarse = rows.assign(pressure=np.float32(1), flow=(rows["flow"] > 0).astype("float32"))
    assert "duplicate_rows" not in failed(done(coarse))


def test_a_side_without_a_known_target_is_refused() -> None:
    found = done(fleet(2))
    assert "every_side" in failed(found) and "`fleetloop split suggest` finds a seed" in str(found.refusal)


def test_too_few_failures_are_not_judged() -> None:
    found = {check.name: check for check in done(fleet(4)).checks}["single_feature"]
    assert found.passed and found.value is None and found.sentence.startswith("not judged:")


def test_ranks_share_ties() -> None:
    x, y = np.array([1.0, 2, 2, 3]), np.array([0.0, 0, 1, 1])
    assert auc(x, y) == 0.875
    assert rank_correlation(x, np.array([10.0, 20, 20, 90])) == pytest.approx(1)
    assert rank_correlation(x, np.ones(4)) == 0


def test_a_function_of_any_shape_determines_and_noise_does_not() -> None:
    x = np.random.default_rng(0).normal(size=2000)
    assert determined(x, np.cos(3 * x), 0) > 0.98
    assert abs(determined(x, np.random.default_rng(1).normal(size=2000), 0)) < 0.1
    assert determined(x, np.ones(2000), 0) == 0


def test_the_first_slot_is_where_the_fleet_starts() -> None:
    assert done(fleet()).targets["time"].min() == pd.Timestamp(START, unit="s", tz="UTC")
