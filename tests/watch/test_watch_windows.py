"""Device windows: what they hold, and which of them one may look at when."""

import numpy as np
import pandas as pd

from pipelines.tasks import FailureWithinHorizon, RemainingUsefulLife
from pipelines.watch.measure import Calendar, measure, statistics_of
from pipelines.watch.windows import Horizons, newest, seen
from tests.builders.bundles import CHANNELS
from tests.builders.fleets import ar_windows
from tests.builders.histories import newest_slot

TASK = FailureWithinHorizon(horizon=12, healthy_beyond=24)
HORIZONS = Horizons(beyond=1.0, outcome=0.5)


def frame(devices: int = 2, hours: int = 30) -> pd.DataFrame:
    """Grid rows with answers and outcomes, nothing wrong."""
    rng = np.random.default_rng(0)
    time = pd.date_range("2026-01-01", periods=hours, freq="h", tz="UTC").as_unit("us")
    count = devices * hours
    found = pd.DataFrame({"device": np.repeat([f"pump-{d}" for d in range(devices)], hours)})
    found["time"] = pd.Series(np.tile(time, devices)).astype("datetime64[us, UTC]")
    for name, level in (("pressure", 6.0), ("flow", 30.0)):
        found[name] = rng.normal(level, 1.0, count).astype(np.float32)
        found[f"{name}.measured"] = True
    return found.assign(score=np.float32(0.1), acts=False, target=0.0, life=np.inf, healthy=True)


def measured(rows: pd.DataFrame, window: int = 10):
    return measure(rows, CHANNELS, TASK, Calendar(3600.0, window, newest_slot(rows["time"], 3600.0)))


def column(windows, name: str) -> np.ndarray:
    return windows.values[:, :, [s.name for s in windows.statistics].index(name)]


def test_windows_count_back_from_the_newest_row():
    found = measured(frame())
    assert (found.first, found.values.shape[:2]) == (-3, (2, 3))


def test_level_and_spread_are_of_measured_values_alone():
    rows = frame()
    rows.loc[25:29, ["pressure", "pressure.measured"]] = [99.0, False]
    found = measured(rows)
    values = rows["pressure"].to_numpy()[20:25].astype(np.float64)
    np.testing.assert_allclose(column(found, "pressure.level")[0, -1], values.mean(), rtol=1e-6)
    np.testing.assert_allclose(column(found, "pressure.spread")[0, -1], np.log(values.std()), rtol=1e-5)
    assert column(found, "missing")[0, -1] == 0.25


def test_a_window_of_few_rows_says_nothing():
    found = measured(frame().drop(index=range(20, 26)))
    assert np.isnan(found.values[0, -1]).all()
    assert not found.quiet[0, -1]


def test_loss_and_bias_are_of_settled_rows():
    rows = frame()
    rows["target"] = np.float32(np.nan)
    rows.loc[0:9, "target"] = 1.0
    found = measured(rows)
    np.testing.assert_allclose(column(found, "loss")[0], [0.81, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(column(found, "bias")[0], [0.9, np.nan, np.nan], rtol=1e-6)


def test_a_window_with_an_action_is_not_quiet_and_one_near_failure_not_healthy():
    rows = frame()
    rows.loc[3, "acts"] = True
    rows.loc[14, "healthy"] = False
    found = measured(rows)
    assert found.quiet[0].tolist() == [False, True, True]
    assert found.healthy[0].tolist() == [True, False, True]


def test_failures_are_counted_in_windows_from_the_windows_start():
    rows = frame()
    rows.loc[:29, "life"] = 15.0 - np.arange(30) % 30
    rows.loc[16:29, "life"] = np.inf
    assert measured(rows).failure[0].tolist() == [1.5, 0.5, np.inf]


def test_a_regression_task_has_no_bias_for_it_would_be_that_of_who_has_failed_yet():
    names = {s.name for s in statistics_of(CHANNELS, RemainingUsefulLife())}
    assert "bias" not in names
    assert {"pressure.level", "missing", "score", "alarms", "loss"} <= names


def windows_of(failure: list[float], quiet: list[bool]):
    made = ar_windows(np.random.default_rng(0), 1, len(failure), 10, first=-len(failure))
    made.failure[0], made.quiet[0] = failure, quiet
    return made


def test_who_stands_in_the_past_knows_no_later_failure():
    made = windows_of([3.5, 2.5, 1.5, 0.5], [True] * 4)
    assert seen(made, "healthy", -2, HORIZONS)[0].tolist() == [True, True, True, False]
    assert seen(made, "healthy", -1, HORIZONS)[0].tolist() == [True, True, False, False]


def test_windows_in_which_the_model_asked_for_action_count_for_alarms_alone():
    made = windows_of([np.inf] * 3, [True, False, True])
    assert seen(made, "healthy", -1, HORIZONS)[0].tolist() == [True, False, True]
    assert seen(made, "all", -1, HORIZONS)[0].tolist() == [True, True, True]


def test_an_outcome_is_known_once_its_horizon_has_passed():
    made = windows_of([np.inf] * 3, [True] * 3)
    assert seen(made, "outcome", -1, HORIZONS)[0].tolist() == [True, True, False]


def test_each_device_gives_its_own_newest_windows():
    mask = np.array([[True, True, False], [True, False, True]])
    values = np.array([[1.0, 2.0, 9.0], [3.0, 9.0, 4.0]])[:, :, None]
    found = newest(mask, values, np.ones((2, 1)), 3)
    np.testing.assert_array_equal(found.mean[:, 0], [3.0, 2.0, np.nan])
    np.testing.assert_array_equal(found.column[:, 0], [1.5, 0.0, np.nan])
    assert found.devices[:, 0].tolist() == [2, 2, 0]
