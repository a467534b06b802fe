"""Features, one slot at a time, against a brute-force oracle in float64."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleetloop_edge.features import FeatureState, feature_names, input_columns
from fleetloop_edge.spec import FeatureSpec, Sequence, Trailing
from tests.builders.telemetry import ALL_STATS, SPEC, Dirt, device_rows, slots_of, walk

Float = NDArray[np.float64]
ORACLE = {
    "mean": np.mean,
    "std": np.std,
    "min": np.min,
    "max": np.max,
    "range": np.ptp,
    "slope": lambda x: np.nan,
}


def push_all(values: NDArray[np.floating], spec: FeatureSpec = SPEC) -> dict[str, NDArray[np.float32]]:
    state = FeatureState(spec)
    features = np.array([state.push(slot) for slot in slots_of(values)])
    return dict(zip(feature_names(spec), features.T, strict=True))


def oracle(x: Float, stat: str, window: int) -> Float:
    """Each row's statistic of its trailing window, two passes in float64."""
    found = np.full(len(x), np.nan)
    for i in range(len(x)):
        part = x[max(0, i - window + 1) : i + 1]
        place, known = np.arange(len(part)), part[np.isfinite(part)]
        if stat == "slope" and len(known) > 1:
            found[i] = np.polyfit(place[np.isfinite(part)] - place.mean(), known - known.mean(), 1)[0]
        elif stat == "delta" and len(known):
            found[i] = x[i] - known.mean()
        elif stat not in ("slope", "delta") and len(known):
            found[i] = ORACLE[stat](known)
    return found


def series(seed: int, rows: int, missing: float, jump: float) -> NDArray[np.float32]:
    """Around 1e4 with sd .01, drifting, jumping by `jump` half-way."""
    rng = np.random.default_rng(seed)
    x = 1e4 + rng.normal(0, 0.01, (rows, 2)) + 0.001 * np.arange(rows)[:, None]
    x[rows // 2 :] += jump
    x[rng.random((rows, 2)) < missing] = np.nan
    return x.astype(np.float32)


@pytest.mark.parametrize("stat", ALL_STATS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 60),
    missing=st.sampled_from([0.0, 0.1, 0.7]),
    jump=st.sampled_from([0.0, 1e4, -9990.0]),
)
def test_window_statistics_equal_the_oracle(stat: str, seed: int, rows: int, missing: float, jump: float) -> None:
    values = series(seed, rows, missing, jump)
    got = push_all(values)
    for window in (3, 8):
        expected = oracle(values[:, 0].astype(np.float64), stat, window)
        found = got[f"pressure.{stat}.{window}"]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7, err_msg=f"{stat}.{window}")


def test_an_outlier_leaves_no_trace_once_it_has_left_the_window() -> None:
    values = series(0, 200, 0.0, 0.0)
    clean, values[20, 0] = push_all(values)["pressure.std.8"], 3e30
    np.testing.assert_array_equal(push_all(values)["pressure.std.8"][28:], clean[28:])


@pytest.mark.slow
def test_std_stays_exact_over_a_long_drifting_history() -> None:
    spec = FeatureSpec(channels=("pressure", "flow"), period_s=1.0, trailing=(Trailing(("std",), (48,)),))
    values = series(1, 60_000, 0.0, 0.0)
    got = push_all(values, spec)["pressure.std.48"][47:]
    expected = np.lib.stride_tricks.sliding_window_view(values[:, 0].astype(np.float64), 48).std(axis=1)
    far = expected > 4 * np.spacing(values[47:, 0])
    np.testing.assert_allclose(got[far], expected[far], rtol=1e-6)


def test_a_constant_channel_has_no_spread_and_no_slope() -> None:
    got = push_all(np.full((20, 2), 1e4 / 3))
    assert not got["pressure.std.8"].any() and not got["pressure.slope.8"][1:].any()


def test_statistics_of_no_value_are_missing_and_a_slope_needs_two() -> None:
    got = push_all(np.array([[np.nan, 1.0], [np.nan, 2.0]]))
    assert all(np.isnan(got[f"pressure.{stat}.3"]).all() for stat in ALL_STATS)
    np.testing.assert_array_equal(got["flow.slope.3"], np.array([np.nan, 1.0], dtype=np.float32))


def test_ewma_starts_at_the_first_value_and_rests_where_there_is_none() -> None:
    got = push_all(np.array([[np.nan, 0], [1.0, 0], [2.0, 0], [np.nan, 0]]))["pressure.ewma.0.3"]
    np.testing.assert_allclose(got, [np.nan, 1.0, 1.3, 1.3], rtol=1e-6)


def test_deviation_is_from_the_mean_of_the_first_values_of_the_devices_life() -> None:
    got = push_all(np.array([[np.nan, 0], [1.0, 0], [3.0, 0], [3.0, 0], [5.0, 0], [9.0, 0]]))["pressure.deviation"]
    np.testing.assert_allclose(got, [np.nan, 0, 1, 3 - 7 / 3, 2, 6], rtol=1e-6)


def test_a_windows_deviation_is_its_mean_from_the_baseline_of_the_devices_life() -> None:
    spec = replace(SPEC, trailing=(Trailing(("deviation",), (3,)),))
    got = push_all(np.array([[1.0, 0], [3.0, 0], [np.nan, 0], [3.0, 0], [5.0, 0], [9.0, 0]]), spec)
    np.testing.assert_allclose(got["pressure.deviation.3"], [0, 0, 0, 3 - 7 / 3, 1, 17 / 3 - 3], atol=1e-6)


def test_a_new_segment_resets_windows_and_not_the_life() -> None:
    values = np.arange(12.0).reshape(6, 2)
    state = FeatureState(SPEC)
    pushed = [state.push(slot) for slot in slots_of(values, np.array([0, 0, 0, 0, 0, 1]))]
    got = dict(zip(feature_names(SPEC), pushed[-1], strict=True))
    assert (got["pressure.std.8"], got["pressure.ewma.0.3"], state.rows) == (0.0, 10.0, 1)
    assert (got["age"], got["pressure.deviation"]) == (6.0, 7.0)


def test_age_counts_periods_silences_included() -> None:
    rows = [
        row for row in device_rows("d", 20) if row.values[0] and not 5 <= round(row.time - 1_700_000_040) // 60 < 15
    ]
    slots, features = walk(rows)
    age = features[:, feature_names(SPEC).index("age")]
    np.testing.assert_array_equal(age, [slot.index - slots[0].index + 1 for slot in slots])
    assert slots[-1].segment == 1


def test_missing_tells_what_was_not_measured() -> None:
    slots, features = walk(device_rows("d", 40, dirt=Dirt(missing=0.4)))
    column = feature_names(SPEC).index("pressure.missing")
    np.testing.assert_array_equal(features[:, column], [not slot.measured[0] for slot in slots])


def test_a_life_is_handed_on_through_json() -> None:
    slots = slots_of(series(3, 30, 0.1, 0.0))
    whole, first = FeatureState(SPEC), FeatureState(SPEC)
    for slot in slots[:3]:
        whole.push(slot), first.push(slot)
    heir = FeatureState(SPEC, life=json.loads(json.dumps(first.life())))
    kept = [i for i, n in enumerate(feature_names(SPEC)) if n.endswith((".deviation", "age"))]
    for slot in slots[3:]:
        np.testing.assert_array_equal(whole.push(slot)[kept], heir.push(slot)[kept])


def test_a_life_of_other_channels_is_refused() -> None:
    life = FeatureState(replace(SPEC, channels=("pressure",))).life()
    with pytest.raises(ValueError, match="saved life has 1 signals, the features have 2"):
        FeatureState(SPEC, life=life)


def test_names_say_channel_statistic_and_window() -> None:
    names = feature_names(SPEC)
    assert {"pressure.value", "flow.mean.30", "pressure.ewma.0.02", "flow.deviation", "age"} <= set(names)
    assert len(set(names)) == len(names) == len(push_all(np.zeros((1, 2))))


def test_a_statistic_named_twice_is_one_feature() -> None:
    spec = replace(SPEC, trailing=(Trailing(("mean",), (3, 3)), Trailing(("mean", "std"), (3,))))
    assert [n for n in feature_names(spec) if n.endswith(".3")] == [
        "pressure.ewma.0.3", "flow.ewma.0.3", "pressure.mean.3", "flow.mean.3", "pressure.std.3", "flow.std.3",
    ]  # fmt: skip


def test_sequence_inputs_are_columns_in_the_order_of_the_spec() -> None:
    spec = replace(SPEC, sequence=Sequence(inputs=("age", "value")))
    assert [feature_names(spec)[i] for i in input_columns(spec)] == ["age", "pressure.value", "flow.value"]
