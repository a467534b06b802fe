"""Scores to decisions: the rule, its reasons, and the batch form held to it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop_edge.decide import Decider, decide_batch, missing_share, who_answers, why_nobody
from fleetloop_edge.spec import DecisionSpec


def spec(direction="above", threshold=0.5, consecutive=2, phrase="failure within 48 hours", unit=""):
    return DecisionSpec("inspect", direction, threshold, consecutive, phrase, unit, 0.3, 0.8)


def push(decider, score, segment=0, at=0.0, **more):
    return decider.push(score, score - 0.1, score + 0.1, device="p", time=at, received=at, segment=segment, **more)


def test_one_row_beyond_the_threshold_is_not_yet_an_action():
    decider = Decider(spec())
    assert [push(decider, s).action for s in (0.6, 0.7, 0.4, 0.9)] == ["none", "inspect", "none", "none"]


def test_the_reason_can_be_read_aloud():
    decider = Decider(spec(consecutive=1))
    assert push(decider, 0.83).reason == "failure within 48 hours: 0.83 > 0.5 for 1 row"
    assert push(decider, 0.2).reason == "failure within 48 hours: 0.2 <= 0.5"


def test_remaining_life_acts_below_the_threshold_and_says_its_unit():
    decider = Decider(spec("below", 20.0, 1, "remaining life in cycles", "cycles"))
    assert push(decider, 12.0).reason == "remaining life in cycles: 12 cycles < 20 cycles for 1 row"


def test_a_new_segment_starts_the_run_anew():
    decider = Decider(spec())
    assert [push(decider, 0.9, segment).action for segment in (0, 1, 1)] == ["none", "none", "inspect"]


def test_an_abstention_ends_the_run_and_gives_no_number():
    decider = Decider(spec())
    push(decider, 0.9)
    silent = decider.abstain(why_nobody(spec(), 0.9), "p", 0.0, 0.0)
    assert (silent.action, silent.model, silent.reason) == (
        "abstain",
        "",
        "90% of the channels are missing, more than 80%",
    )
    assert math.isnan(silent.score)
    assert push(decider, 0.9).action == "none"


def test_a_score_that_is_no_number_is_an_abstention():
    assert push(Decider(spec()), math.nan, model="sequence").reason == "sequence gave no number"


def test_the_fallback_is_held_to_its_own_threshold():
    decider = Decider(spec(threshold=0.9, consecutive=1))
    assert push(decider, 0.6).action == "none"
    assert push(decider, 0.6, model="baseline", spec=spec(threshold=0.5, consecutive=1)).action == "inspect"


@pytest.mark.parametrize(
    ("missing", "fallback", "who"),
    [(0.0, True, "primary"), (0.4, True, "fallback"), (0.4, False, "nobody"), (0.9, True, "nobody")],
)
def test_missing_channels_decide_who_answers(missing, fallback, who):
    assert who_answers(spec(), missing, fallback) == who


def test_missing_share_counts_channels_without_a_value():
    assert missing_share(np.array([[1, np.nan, 3, 4]], dtype=np.float32)).tolist() == [0.25]


def test_a_restored_decider_goes_on_where_the_other_stopped():
    first, second = Decider(spec()), Decider(spec())
    push(first, 0.9)
    second.restore(first.state())
    assert push(second, 0.9).action == "inspect"


rows = st.lists(
    st.tuples(st.sampled_from([0.1, 0.5, 0.500001, 0.9, math.nan]), st.booleans(), st.booleans()), max_size=40
)


@given(rows=rows, consecutive=st.integers(1, 4), direction=st.sampled_from(["above", "below"]))
def test_the_batch_form_acts_on_the_same_rows(rows, consecutive, direction):
    rule, segment, stepwise = spec(direction, consecutive=consecutive), 0, []
    decider = Decider(rule)
    for score, fresh, abstain in rows:
        segment += fresh
        score = float(np.float32(score))
        said = decider.abstain("", "p", 0, 0, segment) if abstain else push(decider, score, segment)
        stepwise.append(said.action == "inspect")
    score, fresh, abstain = (np.array([r[i] for r in rows]) for i in range(3))
    batch = decide_batch(rule, score.astype(np.float32), fresh.astype(bool), abstain.astype(bool))
    assert batch.tolist() == stepwise
