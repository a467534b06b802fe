"""Features of the recent rows, of events and of the clock, against independent oracles."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from fleetloop_edge.features import FeatureState, feature_names
from fleetloop_edge.grid import GridState
from fleetloop_edge.spec import FeatureSpec, Sequence, Spectral, Trailing
from tests.builders.telemetry import CHANNELS, PERIOD, SPEC, START, device_rows, slots_of, walk

WINDOW = 24
PLAIN = FeatureSpec(channels=("a",), period_s=PERIOD, age=False, sequence=Sequence(inputs=("value",)))


def pushed(values: NDArray[np.floating], spec: FeatureSpec) -> dict[str, NDArray[np.float32]]:
    state = FeatureState(spec)
    return dict(zip(feature_names(spec), np.array([state.push(s) for s in slots_of(values)]).T, strict=True))


def noisy(count: int = 80, missing: float = 0.15) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    x = rng.standard_t(4, (count, 1)) + 2.0
    x[rng.random((count, 1)) < missing] = np.nan
    return x.astype(np.float32)


ORACLE = {
    "rms": lambda x: np.sqrt(np.mean(x**2)),
    "crest": lambda x: np.abs(x).max() / np.sqrt(np.mean(x**2)),
    "kurtosis": lambda x: stats.kurtosis(x, fisher=False) if x.std() > 0 else np.nan,
    "crossings": lambda x: (np.diff(x >= x.mean()) != 0).sum(),
    "q05": lambda x: np.quantile(x, 0.05),
    "q50": np.median,
    "q90": lambda x: np.quantile(x, 0.9),
}


@pytest.mark.parametrize("stat", ORACLE)
def test_shape_statistics_equal_the_oracle(stat: str) -> None:
    values = noisy()
    got = pushed(values, replace(PLAIN, trailing=(Trailing((stat,), (WINDOW,)),)))[f"a.{stat}.{WINDOW}"]
    for row in range(len(values)):
        part = values[max(0, row - WINDOW + 1) : row + 1, 0].astype(np.float64)
        part = part[np.isfinite(part)]
        expected = ORACLE[stat](part) if len(part) else np.nan
        np.testing.assert_allclose(got[row], expected, rtol=1e-5, err_msg=f"row {row}")


def test_missing_counts_the_silent_rows_of_the_window() -> None:
    values = noisy()
    got = pushed(values, replace(PLAIN, trailing=(Trailing(("missing",), (WINDOW,)),)))[f"a.missing.{WINDOW}"]
    expected = pd.Series(np.isnan(values[:, 0])).rolling(WINDOW, min_periods=1).sum()
    np.testing.assert_array_equal(got, expected)


def test_a_lag_is_the_value_so_many_rows_before() -> None:
    values = noisy()
    np.testing.assert_array_equal(
        pushed(values, replace(PLAIN, lags=(3,)))["a.lag.3"], pd.Series(values[:, 0]).shift(3)
    )


def test_a_sine_has_its_power_in_its_band_and_the_bands_hold_the_variance() -> None:
    x = 5.0 + 2.0 * np.sin(2 * np.pi * 0.2 * np.arange(200))[:, None]
    got = pushed(x.astype(np.float32), replace(PLAIN, spectral=(Spectral(64, ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5))),)))
    low, mid, high = (got[f"a.band.{band}.64"] for band in ("0-0.1", "0.1-0.3", "0.3-0.5"))
    assert np.isnan(mid[:63]).all()
    np.testing.assert_allclose(mid[63:], 2.0, rtol=0.01)  # a sine's variance is half its amplitude squared
    assert (low[63:] < 0.01).all() and (high[63:] < 0.01).all()


def test_a_single_tone_has_a_sharper_spectrum_than_noise() -> None:
    rng, spec = np.random.default_rng(0), replace(PLAIN, spectral=(Spectral(64),))
    tone = np.sin(2 * np.pi * 0.2 * np.arange(64))[:, None] + 0.05 * rng.normal(size=(64, 1))
    sharp, flat = (
        pushed(x.astype(np.float32), spec)["a.spectral_kurtosis.64"][-1] for x in (tone, rng.normal(size=(64, 1)))
    )
    assert sharp > 10 * flat


def test_a_window_may_be_a_time() -> None:
    spec = replace(PLAIN, trailing=(Trailing(("mean",), ("10min", "0.5h", 30)),))
    assert [n for n in feature_names(spec) if "mean" in n] == [
        "a.mean.10min",
        "a.mean.0.5h",
    ]  # 30 rows are half an hour
    values = noisy()
    expected = pd.Series(values[:, 0].astype(float)).rolling(10, min_periods=1).mean()
    np.testing.assert_allclose(pushed(values, spec)["a.mean.10min"], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="window '6x' is neither rows nor a time"):
        replace(PLAIN, trailing=(Trailing(("mean",), ("6x",)),))


def test_a_statistic_may_be_of_some_channels_only() -> None:
    spec = replace(SPEC, trailing=(Trailing(("rms", "mean"), (4,), ("flow",)),))
    assert [n for n in feature_names(spec) if n.endswith(".4")] == ["flow.rms.4", "flow.mean.4"]
    with pytest.raises(ValueError, match="names 'heat', which is no signal; there are pressure, flow"):
        replace(SPEC, trailing=(Trailing(("rms",), (4,), ("heat",)),))


def test_the_clock_is_a_point_on_a_circle() -> None:
    spec = replace(PLAIN, calendar=("day", "week"))
    got = pushed(np.zeros((1441, 1)), spec)  # a minute a row
    np.testing.assert_allclose(got["day.sin"][[0, 360, 1440]], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(got["week.cos"][0], np.cos(2 * np.pi * 3 / 7), atol=1e-6)  # 1970 began on a Thursday


RESETTING = replace(SPEC, reset=("maintenance",), since=("maintenance",), late_s=0.0)


def test_maintenance_begins_a_new_life() -> None:
    rows = device_rows("d", 30)
    done = START + 10.5 * PERIOD
    slots, features = walk(rows, RESETTING, [("maintenance", done, done)])
    at = feature_names(RESETTING)
    age, since = features[:, at.index("age")], features[:, at.index("since.maintenance")]
    first = next(i for i, slot in enumerate(slots) if slot.segment == 1)
    assert slots[first].time == START + 10 * PERIOD and age[first] == 1.0 and age[first - 1] == 10.0
    assert np.isnan(since[:first]).all() and since[first:].tolist() == list(range(len(slots) - first))
    fresh, alone = walk(
        [row for row in rows if row.time >= START + 10 * PERIOD], replace(RESETTING, reset=(), since=())
    )
    assert len(fresh) == len(slots) - first
    keep = [i for i, name in enumerate(at) if name != "since.maintenance"]
    np.testing.assert_array_equal(features[first:, keep], alone)


def test_maintenance_told_late_changes_nothing_that_was_said_before() -> None:
    rows = device_rows("d", 30)
    done = START + 10.5 * PERIOD
    told = [("maintenance", done, done + 8 * PERIOD)]
    slots, features = walk(rows, RESETTING, told)
    before = walk(rows, RESETTING)[1]
    first = next(i for i, slot in enumerate(slots) if slot.segment == 1)
    assert slots[first].received >= told[0][2] > slots[first - 1].received
    np.testing.assert_array_equal(features[:first], before[:first])
    assert features[first, feature_names(RESETTING).index("age")] > 8  # counted from when it was done


def test_a_life_that_a_reset_began_is_handed_on() -> None:
    rows = device_rows("d", 40)
    done = START + 10 * PERIOD
    grid = GridState(RESETTING, CHANNELS)
    grid.event("maintenance", done, done)
    slots = [slot for row in rows for slot in grid.push(row)]
    whole, first = FeatureState(RESETTING), FeatureState(RESETTING)
    for slot in slots[:20]:
        whole.push(slot), first.push(slot)
    heir = FeatureState(RESETTING, life=json.loads(json.dumps(first.life())))
    kept = [i for i, n in enumerate(feature_names(RESETTING)) if n.endswith((".deviation", "age"))]
    for slot in slots[20:]:
        np.testing.assert_array_equal(whole.push(slot)[kept], heir.push(slot)[kept])
