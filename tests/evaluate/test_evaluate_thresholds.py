"""Thresholds from cost, intervals from residuals: on the calibration side alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop_edge.decide import decide_batch
from fleetloop_edge.spec import DecisionSpec
from pipelines.evaluate.lives import cost_per_device, find_lives, worth
from pipelines.evaluate.thresholds import candidate_thresholds, choose_threshold, conformal_interval
from pipelines.params import DecisionParams

RULE = DecisionSpec("inspect", "above", 0.0, 1, "failure", "", 0.3, 0.8)
COSTS = DecisionParams(consecutive=1, lead=3, cost_missed=1000, cost_action=10, cost_early=1)


def history(devices=3, length=40):
    names = np.repeat([f"p{i}" for i in range(devices)], length)
    time = pd.date_range("2026-01-01", periods=length, freq="h", tz="UTC")
    life = np.tile(np.arange(length - 1, -1, -1.0), devices)
    return pd.DataFrame({"device": names, "time": np.tile(time, devices), "segment": 0, "life": life})


def choose(score, frame):
    abstain = np.zeros(len(frame), dtype=bool)
    return choose_threshold(RULE, score.astype(np.float32), abstain, find_lives(frame, 3600.0), COSTS)


def test_a_clear_score_is_cut_where_warning_costs_least():
    frame = history()
    chosen = choose(np.where(frame["life"] <= 5, 0.9, 0.1), frame).chosen
    assert 0.1 < chosen < 0.9


def test_a_score_that_says_nothing_never_acts():
    frame = history()
    chosen = choose(np.full(len(frame), 0.3), frame).chosen
    assert chosen > 0.3


@given(seed=st.integers(0, 50))
def test_no_candidate_costs_less_than_the_chosen(seed):
    frame = history()
    score = np.random.default_rng(seed).random(len(frame)).astype(np.float32)
    choice, lives = choose(score, frame), find_lives(frame, 3600.0)
    acts = decide_batch(replace(RULE, threshold=choice.chosen), score, lives.fresh, np.zeros(len(frame), bool))
    assert cost_per_device(worth(acts, lives, COSTS), lives) == pytest.approx(choice.cost.min())


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=60), st.sampled_from(["above", "below"]))
def test_candidates_rise_and_one_of_them_never_acts(values, direction):
    score = np.array(values, dtype=np.float32)
    found = candidate_thresholds(score, direction)
    never = found[-1] > score.max() if direction == "above" else found[0] < score.min()
    assert never
    assert (np.diff(found) > 0).all()


@given(seed=st.integers(0, 100), coverage=st.sampled_from([0.5, 0.8, 0.9]))
def test_the_interval_covers_at_least_what_was_asked_of_the_calibration_rows(seed, coverage):
    rng = np.random.default_rng(seed)
    target, score = rng.normal(size=(2, 50)).astype(np.float32)
    half = conformal_interval(target, score, coverage)
    assert (np.abs(target.astype(float) - score.astype(float)) <= half).mean() >= coverage


def test_unknown_targets_say_nothing_of_the_interval():
    target = np.array([1.0, np.nan, 3.0], dtype=np.float32)
    assert conformal_interval(target, np.array([1.0, 99.0, 2.0], dtype=np.float32), 0.9) == 1.0
