"""Performance in the field: measured as soon as outcomes are known, estimated with its error before."""

import numpy as np
import pandas as pd
import pytest

from pipelines.tasks import FailureWithinHorizon
from pipelines.watch.answers import answers_in
from pipelines.watch.measure import Calendar
from pipelines.watch.performance import perform
from tests.builders.histories import newest_slot

TASK = FailureWithinHorizon(horizon=12, healthy_beyond=24)


def rows(count: int, seed: int, start: str, high: float = 0.3) -> pd.DataFrame:
    """Hourly answers that are honest probabilities, and what came."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.0, high, count)
    time = pd.date_range(start, periods=count, freq="h", tz="UTC").as_unit("us")
    found = pd.DataFrame({"time": time, "score": score, "target": (rng.random(count) < score).astype(np.float64)})
    return found.assign(device=[f"pump-{i % 10}" for i in range(count)])


def judged(log, reference):
    calendar = Calendar(3600.0, 500, newest_slot(log["time"], 3600.0))
    seen, known = (answers_in(frame, calendar) for frame in (log, reference))
    return perform(seen, known, TASK, calendar, outcome=0.0)


def test_the_estimate_is_what_is_measured_later_within_its_error():
    reference, log = rows(20_000, 0, "2020-01-01"), rows(5_000, 1, "2024-01-01")
    found = judged(log, reference)
    off = np.array(found.estimated) - np.array(found.real)
    assert np.abs(off).max() < 4 * found.error
    assert 0 < found.error < 0.02


def test_before_any_outcome_there_is_an_estimate_and_it_says_so():
    reference, log = rows(20_000, 0, "2020-01-01"), rows(2_000, 1, "2024-01-01").assign(target=np.nan)
    found = judged(log, reference)
    assert np.isnan(found.real).all()
    assert np.isfinite(found.estimated).all()
    assert found.sentence.endswith("no outcome is known yet")


def test_answers_that_move_move_the_estimate():
    reference = rows(20_000, 0, "2020-01-01")
    calm, bold = (judged(rows(2_000, 1, "2024-01-01", high), reference).estimated[-1] for high in (0.1, 0.3))
    assert bold > 1.5 * calm


def test_what_answers_mean_shows_in_outcomes_alone():
    reference, log = rows(20_000, 0, "2020-01-01"), rows(2_000, 1, "2024-01-01")
    wrong = log.assign(target=1 - log["target"])
    assert judged(wrong, reference).estimated == judged(log, reference).estimated
    assert judged(wrong, reference).real[-1] > 3 * judged(log, reference).real[-1]


def test_where_nobody_answered_there_is_nothing_to_say():
    reference, log = rows(1_000, 0, "2020-01-01"), rows(100, 1, "2024-01-01").assign(score=np.nan)
    assert judged(log, reference) is None


def test_a_window_of_few_outcomes_has_no_measured_loss():
    reference, log = rows(20_000, 0, "2020-01-01"), rows(1_000, 1, "2024-01-01")
    log.loc[10:, "target"] = np.nan
    found = judged(log, reference)
    assert found.settled[0] == 10
    assert np.isnan(found.real[0]) and found.estimated[0] == pytest.approx(found.estimated[1], rel=0.3)


def test_the_stated_error_is_that_of_devices_which_taught_nothing():
    """Devices of their own honesty: the estimate is off by what tells devices apart, however many rows there are."""
    off, stated = [], []
    for seed in range(20):
        reference, log = (_unlike(24, 400, seed, start) for start in ("2020-01-01", "2024-01-01"))
        found = judged(log, reference)
        off.append(found.estimated[0] - found.real[0])
        stated.append(found.error)
    assert 0.6 < np.sqrt(np.mean(np.square(off))) / np.mean(stated) < 1.6


def _unlike(devices: int, count: int, seed: int, start: str) -> pd.DataFrame:
    rng = np.random.default_rng([seed, int(start[:4])])
    honesty = np.exp(0.7 * rng.normal(size=devices))
    frames = [rows(count, seed * 1000 + d, start).assign(device=f"{start}-{d}") for d in range(devices)]
    for frame, own in zip(frames, honesty, strict=True):
        frame["target"] = (rng.random(count) < np.clip(own * frame["score"], 0, 1)).astype(np.float64)
    return pd.concat(frames, ignore_index=True)
