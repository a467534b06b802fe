"""Which model ships: the cheapest of those that cannot be told from the best."""

import numpy as np
import pytest

from pipelines.errors import Refused
from pipelines.export.choice import Calibration, Contender, choose
from pipelines.export.graphs import Difference, choose_precision
from pipelines.params import ExportSpec

DEVICES, ROWS = 12, 50


def seen(seed=0):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=DEVICES * ROWS).astype(np.float32)
    return Calibration("regression", target, np.repeat(np.arange(DEVICES), ROWS), 500, 0, "EUR", "cycles")


def contender(name, label, size, noise, cost=100.0, seed=1, precision="float32"):
    calibration = seen()
    error = np.random.default_rng(seed).normal(0, noise, len(calibration.target)).astype(np.float32)
    return Contender(name, label, size, precision, calibration.target + error, cost)


BEST = contender("baseline", "LightGBM", 200_000, 0.50)


def test_of_two_that_cannot_be_told_apart_the_smaller_ships():
    made = choose([BEST, contender("sequence", "GRU", 7_000, 0.505, 140.0, 2, "int8")], seen(), 10**6)
    assert (made.chosen, made.fallback) == ("sequence", "baseline")
    assert "GRU ships, int8, 7.0 KB" in made.sentence
    assert "cannot be told from LightGBM's" in made.sentence
    assert "the choice costs 40 EUR a device" in made.sentence


def test_a_smaller_one_that_is_worse_beyond_doubt_does_not_ship():
    made = choose([BEST, contender("sequence", "GRU", 7_000, 0.9, 150.0, 2)], seen(), 10**6)
    assert (made.chosen, made.fallback) == ("baseline", "sequence")
    assert "GRU's" in made.sentence and "is worse than it" in made.sentence
    assert "saves 50 EUR" in made.sentence


def test_the_best_ships_where_it_is_the_smallest_too():
    made = choose([contender("sequence", "GRU", 7_000, 0.49, seed=2), BEST], seen(), 10**6)
    assert made.chosen == "sequence"


def test_the_only_one_that_passed_ships_without_fallback():
    made = choose([BEST], seen(), 10**6)
    assert (made.chosen, made.fallback) == ("baseline", None)
    assert "the only model that passed its gates" in made.sentence


def test_a_model_over_the_size_limit_does_not_ship_but_may_answer_where_the_other_cannot():
    made = choose([BEST, contender("sequence", "GRU", 7_000, 0.9, seed=2)], seen(), 100_000)
    assert (made.chosen, made.fallback) == ("sequence", "baseline")


def test_where_none_is_small_enough_the_refusal_names_the_smallest_and_the_limit():
    with pytest.raises(Refused, match=r"LightGBM, has 200.0 KB, more than the 1.0 KB of export.size_max"):
        choose([BEST], seen(), 1_000)


def test_unknown_targets_are_left_out_of_the_comparison():
    calibration = seen()
    calibration.target[:ROWS] = np.nan
    assert np.isfinite(choose([BEST], calibration, 10**6).standings[0].loss)


def test_the_same_seed_gives_the_same_choice():
    others = [BEST, contender("sequence", "GRU", 7_000, 0.52, seed=2)]
    assert choose(others, seen(), 10**6) == choose(others, seen(), 10**6)


LIMITS = ExportSpec(int8_score_error_max=0.1, int8_decisions_flipped_max=0.01)
GRAPHS = {"float32": b"0" * 3000, "int8": b"0" * 1000}


@pytest.mark.parametrize(
    ("difference", "precision", "reason"),
    [
        (Difference(0.05, 0.2, 0.001), "int8", "1.0 KB instead of 3.0 KB"),
        (
            Difference(0.2, 0.4, 0.0),
            "float32",
            "int8 refused: score error 0.200 rms on the calibration side, above 0.1",
        ),
        (Difference(0.05, 0.2, 0.02), "float32", "int8 refused: 2.0% of the decisions flipped"),
        (None, "float32", "int8 conversion exists for recurrent models (GRU, LSTM) only"),
    ],
)
def test_int8_ships_only_within_its_limits_and_says_why(difference, precision, reason):
    found, why = choose_precision(GRAPHS, difference, "", LIMITS)
    assert found == precision
    assert reason in why
