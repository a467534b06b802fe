"""Normalisation: learnt on train rows alone, the same on the device and over history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.features import FeatureState, feature_names
from fleetloop_edge.grid import Slot
from fleetloop_edge.signals import regime_of
from fleetloop_edge.spec import Derived, FeatureSpec, Normalise, Regimes, Sequence, Trailing
from pipelines.errors import DataError
from pipelines.features import compute, learn_norms

LEVELS = np.array([[0.0, 100.0], [10.0, 60.0], [42.0, 100.0]])
BY_ROUND = Regimes(("height", "throttle"), round=(2.0, 5.0))
SPEC = FeatureSpec(
    channels=("height", "throttle", "heat", "flow"),
    period_s=60.0,
    trailing=(Trailing(("mean", "std"), (4,)),),
    baseline_rows=3,
    normalise=Normalise(BY_ROUND),
    sequence=Sequence(inputs=("value",)),
)


def flights(seed: int = 0, devices: int = 6, rows: int = 80) -> pd.DataFrame:
    """A grid of devices that change between three regimes, in each of which heat and flow lie elsewhere."""
    rng = np.random.default_rng(seed)
    regime = rng.integers(0, 3, devices * rows)
    settings = LEVELS[regime] + rng.normal(0, 0.01, (len(regime), 2))
    own = np.repeat(rng.normal(0, 0.5, devices), rows)
    heat = np.array([500.0, 700.0, 600.0])[regime] + np.array([1.0, 5.0, 2.0])[regime] * rng.normal(size=len(regime))
    cells = np.stack([*settings.T, heat + own, 1.0 + regime + rng.normal(0, 0.1, len(regime))], axis=1)
    cells[rng.random(cells.shape) < 0.03] = np.nan
    time = pd.Timestamp("2026-01-01", tz="UTC").as_unit("us") + pd.to_timedelta(
        np.tile(np.arange(rows), devices), "min"
    )
    device = np.repeat([f"d{i}" for i in range(devices)], rows)
    grid = pd.DataFrame(
        {"device": pd.array(device, dtype="str"), "time": time, "segment": np.int32(0), "generation": np.int32(0)}
    )
    grid["age"] = np.tile(np.arange(1, rows + 1, dtype=np.int32), devices)
    for c, name in enumerate(SPEC.channels):
        grid[name] = cells[:, c].astype(np.float32)
        grid[f"{name}.measured"] = np.isfinite(cells[:, c])
    return grid


def train_of(grid: pd.DataFrame) -> np.ndarray:
    return (grid["device"] < "d4").to_numpy()


def stepwise(grid: pd.DataFrame, spec: FeatureSpec) -> np.ndarray:
    found = []
    for _, history in grid.groupby("device", sort=False):
        state = FeatureState(spec)
        cells = history[list(spec.channels)].to_numpy()
        for i, row in enumerate(cells):
            found.append(state.push(Slot(i, 60.0 * i, 60.0 * i + 60, row, np.isfinite(row), 0)))
    return np.array(found)


FORMS = {
    "round": Normalise(BY_ROUND),
    "levels": Normalise(replace(BY_ROUND, round=(), levels=tuple(map(tuple, LEVELS.tolist())))),
    "clusters": Normalise(replace(BY_ROUND, round=(), clusters=3)),
    "keep": Normalise(replace(BY_ROUND, keep=True)),
    "device": Normalise(BY_ROUND, device=True),
    "fleet": Normalise(),
}


@pytest.mark.parametrize("form", FORMS)
def test_step_and_batch_give_the_same_bits(form: str) -> None:
    grid = flights()
    derived = (Derived("ratio", ratio=("heat", "flow")), Derived("rise", difference=("heat", "flow")))
    spec = learn_norms(grid, train_of(grid), replace(SPEC, normalise=FORMS[form], derived=derived))
    np.testing.assert_array_equal(stepwise(grid, spec), compute(grid, spec))


@pytest.mark.parametrize("form", ["round", "levels", "clusters"])
def test_each_regime_is_centred_and_scaled_by_itself(form: str) -> None:
    grid = flights()
    spec = learn_norms(grid, np.ones(len(grid), dtype=bool), replace(SPEC, normalise=FORMS[form]))
    assert spec.norms is not None and len(spec.norms.rows) == 3
    values = compute(grid, spec)[:, feature_names(spec).index("heat.value")]
    regime = regime_of(grid[["height", "throttle"]].to_numpy(), LEVELS, np.array([2.0, 5.0]))
    for r in range(3):
        part = values[(regime == r) & grid[["height", "throttle", "heat"]].notna().all(axis=1).to_numpy()]
        np.testing.assert_allclose([part.mean(), part.std()], [0, 1], atol=1e-5)


def test_rows_off_the_train_side_teach_nothing() -> None:
    grid = flights()
    train = train_of(grid)
    other = grid.copy()
    other.loc[~train, list(SPEC.channels)] = np.float32(1e6)
    for form in FORMS.values():
        spec = replace(SPEC, normalise=form)
        assert learn_norms(other, train, spec) == learn_norms(grid, train, spec)


def test_settings_tell_the_regime_and_make_no_features_unless_kept() -> None:
    assert SPEC.signals == ("heat", "flow")
    assert replace(SPEC, normalise=FORMS["keep"]).signals == SPEC.channels
    assert not [name for name in feature_names(SPEC) if name.startswith("height")]


def test_a_missing_setting_does_not_count_and_without_any_nothing_is_known() -> None:
    settings = np.array([[np.nan, 61.0], [9.0, np.nan], [np.nan, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(regime_of(settings, LEVELS, np.array([2.0, 5.0])), [1, 1, -1])
    grid = flights()
    spec = learn_norms(grid, train_of(grid), SPEC)
    row = np.array([np.nan, np.nan, 500.0, 1.0], dtype=np.float32)
    got = FeatureState(spec).push(Slot(0, 0.0, 60.0, row, np.isfinite(row), 0))
    assert np.isnan(got[feature_names(spec).index("heat.value")])


def test_by_device_a_value_is_its_distance_from_the_devices_own_first_rows() -> None:
    grid = flights()
    spec = learn_norms(grid, train_of(grid), replace(SPEC, normalise=Normalise(device=True)))
    values = compute(grid, spec)[:, feature_names(spec).index("heat.value")]
    first = grid.groupby("device").head(3).index
    by_device = pd.Series(values[first]).groupby(grid["device"].to_numpy()[first])
    assert (by_device.last().abs() < 3).all() and not [n for n in feature_names(spec) if n.endswith("deviation")]


def test_a_constant_signal_stays_unscaled() -> None:
    grid = flights().assign(heat=np.float32(518.67))
    spec = learn_norms(grid, train_of(grid), SPEC)
    assert spec.norms is not None and {sd[0] for sd in spec.norms.sd} == {1.0}


def test_too_many_regimes_are_refused_with_the_key_to_change() -> None:
    grid = flights(rows=2000).assign(height=np.float32(np.tile(np.arange(200.0), 60)))
    with pytest.raises(DataError, match="regimes, more than 64; round coarser in features.normalise"):
        learn_norms(grid, np.ones(len(grid), dtype=bool), SPEC)


def test_features_that_were_not_learnt_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing was learnt yet"):
        FeatureState(SPEC)


def test_a_difference_and_a_ratio_are_signals_of_their_own() -> None:
    spec = FeatureSpec(
        channels=("a", "b"),
        period_s=1.0,
        derived=(Derived("drop", difference=("a", "b")), Derived("gain", ratio=("a", "b"))),
    )
    state = FeatureState(spec)
    rows = np.array([[3.0, 2.0], [3.0, 0.0], [np.nan, 1.0]], dtype=np.float32)
    got = np.array([state.push(Slot(i, i, i + 1.0, r, np.isfinite(r), 0)) for i, r in enumerate(rows)])
    names = feature_names(spec)
    np.testing.assert_array_equal(got[:, names.index("drop.value")], np.array([1, 3, np.nan], dtype=np.float32))
    np.testing.assert_array_equal(got[:, names.index("gain.value")], np.array([1.5, np.nan, np.nan], dtype=np.float32))
    np.testing.assert_array_equal(got[:, names.index("drop.missing")], [0, 0, 1])
