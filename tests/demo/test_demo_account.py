"""What a way of retraining was worth, against an obvious second computation, life by life."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.demo import account
from pipelines.params import DecisionParams

COSTS = DecisionParams(action="stop", lead=2, cost_missed=1000, cost_action=10, cost_early=1)
START = pd.Timestamp("2026-01-01", tz="UTC")
HOUR = 3600.0


def decisions(acts, device="p", start=START):
    """One decision an hour; True asks for the action."""
    times = (start + pd.to_timedelta(range(len(acts)), unit="h")).as_unit("us")
    return pd.DataFrame({"device": device, "time": times, "action": ["stop" if a else "none" for a in acts]})


def failures(*hours, device="p"):
    when = pd.DatetimeIndex([START + pd.Timedelta(hours=h) for h in hours], tz="UTC").as_unit("us")
    return pd.DataFrame({"device": pd.Series([device] * len(hours), dtype="str"), "time": when, "kind": "failure"})


def worth(frame, events):
    return account(frame, events, "failure", COSTS, HOUR)


def test_a_failure_that_nobody_warned_of_costs_what_the_yaml_says():
    found = worth(decisions([False] * 10), failures(9.5))
    assert (found.cost, found.failures, found.warned, found.actions) == (1000, 1, 0, 0)


def test_a_warning_in_time_costs_the_action_and_the_life_thrown_away():
    found = worth(decisions([False] * 4 + [True] * 6), failures(9.0))
    assert (found.failures, found.warned, found.actions) == (1, 1, 1)
    assert found.spent[-1] == pytest.approx(found.cost) == (10 + (5 - 2)) * 10 / 5  # five of ten periods were used


def test_a_warning_too_late_is_none():
    found = worth(decisions([False] * 9 + [True]), failures(9.5))
    assert (found.warned, found.cost) == (0, 1010)


def test_an_action_where_nothing_fails_costs_the_action_and_the_rest_of_what_is_known():
    frame = decisions([True] + [False] * 9)
    assert worth(frame, failures()).warned == 0 and worth(frame, failures()).cost > 10


@settings(deadline=None, max_examples=40)
@given(acts=st.lists(st.booleans(), min_size=8, max_size=40), other=st.lists(st.booleans(), min_size=8, max_size=40))
def test_a_fleet_costs_what_its_lives_cost_over_the_periods_used(acts, other):
    """By hand: each life's first alarm, its cost, and the rows up to it."""
    frame = pd.concat([decisions(acts), decisions(other, "q")], ignore_index=True)
    found = worth(frame, failures(len(acts) - 0.5))
    cost, used = 0.0, 0
    for rows, fails in ((acts, True), (other, False)):
        first = next((i for i, act in enumerate(rows) if act), None)
        left = None if first is None else (len(rows) - 0.5 - first if fails else len(rows) - 1 - first)
        timely = left is not None and (left >= COSTS.lead or not fails)
        cost += (first is not None) * 10 + (fails and not timely) * 1000 + (max(left - 2, 0) if timely else 0)
        used += len(rows) if first is None else first + 1
    assert found.cost == pytest.approx(cost / used * len(frame))
