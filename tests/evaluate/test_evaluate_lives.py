"""What decisions are worth: lives, first actions, costs."""

import numpy as np
import pandas as pd
import pytest

from pipelines.evaluate.lives import cost_per_device, decision_metrics, find_lives, worth
from pipelines.params import DecisionParams

HOUR = 3600.0
COSTS = DecisionParams(consecutive=1, lead=2, cost_missed=1000, cost_action=10, cost_early=1)


def rows(*lives, device="p"):
    """Hourly rows; each life is a list of periods left (inf: no failure is known)."""
    life = np.concatenate([np.asarray(one, dtype=float) for one in lives])
    time = pd.date_range("2026-01-01", periods=len(life), freq="h", tz="UTC")
    return pd.DataFrame({"device": device, "time": time, "segment": 0, "life": life})


def acting(frame, *at):
    acts = np.zeros(len(frame), dtype=bool)
    acts[list(at)] = True
    return acts


def test_a_life_ends_where_the_periods_left_rise():
    lives = find_lives(rows([2, 1, 0], [3, 2, 1, 0], [np.inf, np.inf]), HOUR)
    assert lives.start.tolist() == [0, 3, 7]
    assert lives.known.tolist() == [True, True, False]


def test_where_no_failure_is_known_life_is_counted_to_the_last_row():
    assert find_lives(rows([np.inf] * 3), HOUR).left.tolist() == [2.0, 1.0, 0.0]


def test_lives_do_not_cross_devices():
    frame = pd.concat([rows([5, 4], device="a"), rows([4, 3], device="b")], ignore_index=True)
    lives = find_lives(frame, HOUR)
    assert lives.start.tolist() == [0, 2]
    assert lives.fresh.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("at", "cost", "timely", "due"),
    [
        ((0,), 10 + 3, True, True),  # three periods earlier than needed
        ((3,), 10, True, True),  # just in time
        ((4,), 10 + 1000, False, True),  # too late to help
        ((), 1000, False, True),
        ((0, 3), 10 + 3, True, True),  # the first action counts
    ],
)
def test_the_first_action_of_a_life_decides_its_cost(at, cost, timely, due):
    frame = rows([5, 4, 3, 2, 1, 0])
    found = worth(acting(frame, *at), find_lives(frame, HOUR), COSTS)
    assert (found.cost[0], found.timely[0], found.due[0]) == (cost, timely, due)


def test_a_history_that_ends_before_it_was_too_late_missed_nothing():
    frame = rows([9, 8, 7])
    assert worth(acting(frame), find_lives(frame, HOUR), COSTS).due.tolist() == [False]
    assert worth(acting(frame), find_lives(frame, HOUR), COSTS).cost.tolist() == [0.0]


def test_always_acting_is_dear_though_no_failure_is_missed():
    frame = rows(list(range(50, -1, -1)))
    lives = find_lives(frame, HOUR)
    always = worth(np.ones(51, dtype=bool), lives, COSTS)
    in_time = worth(acting(frame, 45), lives, COSTS)
    assert cost_per_device(always, lives) > 50 * cost_per_device(in_time, lives)


def test_alarms_are_counted_where_they_begin():
    frame = rows(list(range(47, -1, -1)))
    found = decision_metrics(acting(frame, 10, 11, 20), find_lives(frame, HOUR), COSTS)
    assert found["alarms_per_device_day"] == pytest.approx(1.0)  # two in two days
    assert found["warned_share"] == 1.0
    assert found["early_periods"] == 37.0


def test_a_share_of_no_failures_is_left_out():
    frame = rows([np.inf] * 4)
    assert "warned_share" not in decision_metrics(acting(frame), find_lives(frame, HOUR), COSTS)
