"""False alarms and power of the judgement, on fleets whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.watch.judge import judge
from pipelines.watch.null import Rule
from pipelines.watch.scale import learn_scale
from pipelines.watch.threshold import Null, level, levels
from pipelines.watch.windows import Horizons
from tests.builders.fleets import STATISTICS, ar_windows

RULE = Rule(k=2, m=3, nominal=0.05, null_windows=39, seed=0)
HORIZONS = Horizons(1.0, 1.0)


def verdict(seed: int, devices: int = 1, rows: int = 400, reference: tuple[int, int] = (13, 3), **log):
    rng = np.random.default_rng(seed)
    apart = log.pop("apart", 0.0)
    healthy = ar_windows(rng, *reference, rows, first=-3 - reference[1], apart=apart)
    seen = ar_windows(rng, devices, 3, rows, first=-3, apart=apart, tag="new", **log)
    return judge(seen, healthy, RULE, HORIZONS)


def alarms(count: int, **kwargs) -> int:
    return sum(verdict(seed, **kwargs).drift for seed in range(count))


@pytest.mark.slow
def test_healthy_autocorrelated_devices_alarm_at_most_little_more_than_nominal():
    assert alarms(100) <= 9  # 5 expected; 10 or more has a chance of 3 % at nominal


@pytest.mark.slow
def test_a_healthy_fleet_of_unlike_devices_does_not_alarm_more_than_nominal():
    assert alarms(60, devices=40, rows=168, reference=(12, 8), apart=1.0) <= 6


@pytest.mark.slow
def test_a_shift_of_two_sd_is_found():
    assert alarms(40, shift=2.0) >= 36


@pytest.mark.slow
def test_a_slow_ramp_of_two_sd_is_found_in_a_fleet():
    assert alarms(40, devices=40, rows=168, reference=(12, 8), ramp=2.0) >= 36


def test_a_verdict_says_which_channel_how_far_and_the_rate_of_false_alarms():
    found = verdict(0, shift=6.0)
    assert found.drift
    assert [t.name for t in found.tests if not t.passed][:1] == ["c0.level"]
    assert found.sentence.startswith("drift: fleet: c0.level rose from ")
    assert "5% of healthy cohort decisions would alarm, over all channels; 2 of the newest 3 windows" in found.sentence


def test_a_log_is_judged_the_same_twice():
    assert verdict(3) == verdict(3)


def test_a_known_device_is_compared_with_itself():
    rng = np.random.default_rng(0)
    healthy = ar_windows(rng, 13, 8, 168, first=-11, apart=5.0)
    own = healthy.values[:, -3:].copy()
    own[:, :, 0] += 1.0
    flags = {name: getattr(healthy, name)[:, -3:] for name in ("quiet", "healthy", "failure")}
    log = replace(healthy, values=own, first=-3, **flags)
    strangers = replace(log, devices=tuple(f"new{i}" for i in range(13)))
    values = [judge(side, healthy, RULE, HORIZONS).tests[0].value for side in (log, strangers)]
    assert values[0] > 2 * values[1]


def test_variance_between_devices_and_within_are_told_apart():
    rng = np.random.default_rng(1)
    scale = learn_scale(ar_windows(rng, 40, 12, 400, apart=2.0, rho=0.5))
    levels = slice(0, len(STATISTICS) // 2)
    np.testing.assert_allclose(scale.between[levels].mean(), 4.0, rtol=0.2)
    np.testing.assert_allclose(scale.within[levels].mean(), 3.0 / 400, rtol=0.3)


def test_a_fleet_that_moves_of_itself_is_known_to_move():
    rng = np.random.default_rng(2)
    windows = ar_windows(rng, 12, 12, 100, rho=0.5)
    windows.values[:, :, 0] += np.cumsum(rng.normal(size=12))
    scale = learn_scale(windows)
    assert scale.moved(np.full(16, 3.0))[0] > 0.5
    assert scale.moved(np.full(16, 3.0))[1:].max() < 0.1


def test_the_threshold_rises_where_there_are_few_independent_pseudo_logs():
    evidence = np.exp(np.random.default_rng(0).normal(size=200))
    assert Null(evidence, 3).limit(0.05) > Null(evidence, 30).limit(0.05) >= np.quantile(evidence, 0.95)


@pytest.mark.parametrize("chance", [0.2, 0.05, 0.01, 0.001])
def test_the_chance_of_a_limit_is_the_one_it_was_asked_for(chance):
    null = Null(np.exp(np.random.default_rng(0).normal(size=200)), 12)
    assert null.chance(null.limit(chance) * 1.000001) <= chance
    assert null.chance(null.limit(chance) * 0.9) > chance


def test_the_fleet_has_half_of_the_rate_to_itself_and_all_of_it_alone():
    assert levels([0.9], [True], 0.05) == (0.05,)
    assert levels([0.9, 0.9, 0.9], [True, False, False], 0.05) == pytest.approx((0.025, 0.0125, 0.0125))


def test_of_many_cohorts_one_alarm_needs_more_evidence_and_many_alarms_less():
    assert level([0.5], 0.05) == 0.05
    assert level([0.9] * 10, 0.05) == pytest.approx(0.005)
    assert level([0.001] * 10, 0.05) == pytest.approx(0.05)
    assert level([0.001, 0.008, *[0.9] * 8], 0.05) == pytest.approx(0.01)


def test_too_small_a_reference_is_an_error_that_says_what_gives_more():
    with pytest.raises(DataError, match="has 3 held-back devices with 9 healthy windows.*larger split.calibration"):
        verdict(0, reference=(3, 3))
