"""Targets, metrics and naive answers of the tasks, against small cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.tasks import FailureWithinHorizon, Outcome, RemainingUsefulLife
from pipelines.tasks.base import life_left
from pipelines.tasks.remaining_useful_life import phm08

INF = np.inf


def outcome(task, life, predicted, last=None):
    """One device a row, unless `last` says otherwise; watched for ever."""
    life = np.array(life, dtype=float)
    n = len(life)
    target = task.target(life, np.full(n, INF))
    last = np.ones(n, bool) if last is None else np.array(last)
    return Outcome(np.arange(n), np.arange(n) * 3600.0, life, target, np.array(predicted, np.float32), last)


def test_phm08_of_a_perfect_answer_is_zero():
    assert phm08(np.array([3.0, 80.0]), np.array([3.0, 80.0])) == 0.0


def test_phm08_punishes_a_late_answer_by_e_to_a_tenth_and_an_early_one_by_e_to_a_thirteenth():
    assert phm08(np.array([50.0]), np.array([60.0])) == pytest.approx(np.e - 1)  # said 60, had 50: late
    assert phm08(np.array([50.0]), np.array([37.0])) == pytest.approx(np.e - 1)  # said 37, had 50: early


@given(st.floats(0.5, 60), st.floats(0, 125))
def test_phm08_punishes_late_more_than_early(off, truth):
    assert phm08(np.array([truth]), np.array([truth + off])) > phm08(np.array([truth]), np.array([truth - off]))


def test_remaining_life_is_cut_at_the_cap():
    target = RemainingUsefulLife(cap=125).target(np.array([0.0, 60.0, 300.0]), np.zeros(3))
    np.testing.assert_array_equal(target, [0, 60, 125])


def test_remaining_life_without_a_known_failure_is_known_once_the_cap_was_outlived():
    target = RemainingUsefulLife(cap=125).target(np.array([INF, INF]), np.array([124.0, 125.0]))
    np.testing.assert_array_equal(target, [np.nan, 125])


def test_a_failure_within_the_horizon_is_known_at_once_and_its_absence_only_after_the_horizon():
    life = np.array([48.0, 49.0, INF, INF])
    target = FailureWithinHorizon(horizon=48).target(life, np.array([10.0, 48.0, 47.0, 48.0]))
    np.testing.assert_array_equal(target, [1, 0, np.nan, 0])


@pytest.mark.parametrize("task", [RemainingUsefulLife(healthy_beyond=100), FailureWithinHorizon(healthy_beyond=100)])
def test_a_row_is_healthy_beyond_the_stated_distance_from_failure(task):
    assert task.healthy(np.array([101.0, 100.0, 0.0])).tolist() == [True, False, False]


def test_last_row_metrics_follow_the_protocol_of_the_field():
    task = RemainingUsefulLife(cap=125)
    found = task.metrics(outcome(task, [20, 10, 200], [5, 14, 140], last=[False, True, True]))
    assert found["rmse"] == pytest.approx(np.sqrt((4**2 + 0) / 2))  # 140 counts as 125, and so does 200
    assert found["rmse_uncapped"] == pytest.approx(np.sqrt((4**2 + 75**2) / 2))
    assert found["bias"] == pytest.approx(2)
    assert found["rmse_all_rows"] == pytest.approx(np.sqrt((15**2 + 4**2) / 3))


def test_last_row_metrics_are_missing_where_every_device_ran_to_failure():
    task = RemainingUsefulLife(cap=125)
    assert "rmse" not in task.metrics(outcome(task, [5, 0], [6, 1], last=[False, True]))


@pytest.mark.parametrize("task", [RemainingUsefulLife(), FailureWithinHorizon()])
def test_an_answer_that_is_no_number_gives_no_metric(task):
    assert task.metrics(outcome(task, [5, 300], [0.5, np.nan])) == {}


def test_failure_metrics_of_a_perfect_order():
    task = FailureWithinHorizon(horizon=48)
    found = task.metrics(outcome(task, [10, 20, 200, 300], [0.9, 0.8, 0.3, 0.1]))
    assert (found["average_precision"], found["roc_auc"], found["base_rate"]) == (1.0, 1.0, 0.5)
    assert found["brier"] == pytest.approx((0.01 + 0.04 + 0.09 + 0.01) / 4)


def test_ranking_metrics_are_missing_where_only_one_class_occurs():
    task = FailureWithinHorizon()
    assert set(task.metrics(outcome(task, [300, 400], [0.1, 0.2]))) == {"base_rate", "log_loss", "brier"}


@pytest.mark.parametrize("task", [RemainingUsefulLife(), FailureWithinHorizon()])
@settings(deadline=None)  # the first call imports scikit-learn
@given(
    life=arrays(float, 30, elements=st.floats(1, 500)), said=arrays(np.float32, 30, elements=st.floats(0, 1, width=32))
)
def test_the_primary_metric_is_reported_and_higher_is_better_names_no_error(task, life, said):
    assert task.primary in task.metrics(outcome(task, life, said))
    assert task.primary not in task.higher_is_better


def test_the_naive_remaining_life_is_mean_life_less_age():
    task = RemainingUsefulLife(cap=125)
    age, target = np.array([100, 150, 80], np.float32), np.array([100, 50, 125], np.float32)
    assert task.naive(target, age) == ("life_less_age", {"life": 200.0, "low": 0.0, "high": 125})


def test_the_naive_probability_is_the_base_rate_of_known_rows():
    assert FailureWithinHorizon().naive(np.array([1, 0, np.nan, 0], np.float32), np.ones(4, np.float32)) == (
        "constant",
        {"value": pytest.approx(1 / 3)},
    )


def test_life_counts_periods_to_the_next_failure_of_the_same_device():
    hours = pd.Timestamp("2026-01-01", tz="UTC").as_unit("us") + pd.to_timedelta(np.arange(4), unit="h")
    grid = pd.DataFrame({"device": ["a"] * 4 + ["b"] * 4, "time": list(hours) * 2})
    events = pd.DataFrame(
        {"device": ["a", "a", "b"], "time": [hours[1], hours[3], hours[0]], "kind": ["failure", "failure", "repair"]}
    )
    assert life_left(grid, events, "failure", 3600.0).tolist() == [1, 0, 1, 0, INF, INF, INF, INF]
