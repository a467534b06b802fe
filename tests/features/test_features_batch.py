"""The batch forms equal the device's step forms, to the bit, on whatever the field sends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop_edge.features import feature_names
from fleetloop_edge.grid import GridState
from fleetloop_edge.rows import Row
from fleetloop_edge.spec import Channel, FeatureSpec, Sequence, Trailing
from pipelines.features import build_grid, compute
from tests.builders.telemetry import (
    CHANNELS,
    EVERYTHING,
    SPEC,
    Dirt,
    Happening,
    device_rows,
    event_table,
    happenings,
    nothing_rejected,
    table,
    walk,
)

share = st.sampled_from([0.0, 0.05, 0.4])
dirts = st.builds(
    Dirt, lost=share, missing=share, spikes=share, delayed=share, twice=share, outages=st.integers(0, 3), early=share
)
specs = st.builds(
    lambda fill, late, spike, windows, pad: replace(
        SPEC, fill=fill, late_s=late, spike=SPEC.spike if spike else None,
        trailing=(Trailing(("mean", "std", "slope", "min", "max", "range", "delta", "deviation"), windows),),
        sequence=Sequence(pad=pad),
    ),
    st.integers(0, 3), st.sampled_from([0.0, 30.0, 200.0]), st.booleans(),
    st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple), st.just("first"),
)  # fmt: skip


def fleet(seed: int, count: int, dirt: Dirt) -> dict[str, list[Row]]:
    return {f"pump-{i}": device_rows(f"pump-{i}", count, seed + i, dirt) for i in range(3)}


def grid_of(
    devices: dict[str, list[Row]], spec: FeatureSpec = SPEC, events: dict[str, list[Happening]] | None = None
) -> pd.DataFrame:
    rows = table(row for rows in devices.values() for row in rows)
    return build_grid(rows, nothing_rejected(), spec, CHANNELS, event_table(events or {}))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 80), dirt=dirts, spec=specs)
def test_batch_grid_and_features_equal_the_devices(seed: int, count: int, dirt: Dirt, spec: FeatureSpec) -> None:
    devices = fleet(seed, count, dirt)
    grid = grid_of(devices, spec)
    features = compute(grid, spec)
    for name, rows in devices.items():
        slots, expected = walk(rows, spec)
        mine = (grid["device"] == name).to_numpy()
        assert [s.segment for s in slots] == grid.loc[mine, "segment"].tolist()
        np.testing.assert_array_equal([s.time for s in slots], grid.loc[mine, "time"].astype("int64") / 1e6)
        np.testing.assert_array_equal([s.received for s in slots], grid.loc[mine, "received"].astype("int64") / 1e6)
        if slots:
            measured = grid.loc[mine, [f"{c}.measured" for c in spec.channels]].to_numpy()
            np.testing.assert_array_equal([s.values for s in slots], grid.loc[mine, list(spec.channels)].to_numpy())
            np.testing.assert_array_equal([s.measured for s in slots], measured)
            np.testing.assert_array_equal(expected, features[mine])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 60), dirt=dirts)
def test_every_feature_in_batch_equals_the_devices(seed: int, count: int, dirt: Dirt) -> None:
    devices = fleet(seed, count, dirt)
    events = {name: happenings(seed + i, count) for i, name in enumerate(devices)}
    grid = grid_of(devices, EVERYTHING, events)
    features = compute(grid, EVERYTHING)
    sd = np.repeat(np.float32(0.01), features.shape[1])
    for name, rows in devices.items():
        slots, expected = walk(rows, EVERYTHING, events[name])
        mine = (grid["device"] == name).to_numpy()
        assert [s.segment for s in slots] == grid.loc[mine, "segment"].tolist()
        for column, feature in enumerate(feature_names(EVERYTHING)):
            got, want = features[mine, column], expected[:, column]
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * sd[column], err_msg=feature)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.floats(0, 1), dirt=dirts)
def test_every_feature_of_a_history_cut_short_is_the_prefix_of_the_whole(seed: int, cut: float, dirt: Dirt) -> None:
    grid = grid_of({"pump-0": device_rows("pump-0", 80, seed, dirt)}, EVERYTHING, {"pump-0": happenings(seed, 80)})
    kept = int(cut * len(grid))
    np.testing.assert_array_equal(compute(grid[:kept], EVERYTHING), compute(grid, EVERYTHING)[:kept])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.floats(0, 1), dirt=dirts)
def test_features_of_a_history_cut_short_are_the_prefix_of_the_whole(seed: int, cut: float, dirt: Dirt) -> None:
    grid = grid_of({"pump-0": device_rows("pump-0", 80, seed, dirt)})
    kept = int(cut * len(grid))
    np.testing.assert_array_equal(compute(grid[:kept], SPEC), compute(grid, SPEC)[:kept])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.floats(0, 1), dirt=dirts)
def test_what_was_known_then_does_not_change_with_what_is_received_later(seed: int, cut: float, dirt: Dirt) -> None:
    rows = device_rows("pump-0", 80, seed, dirt)
    then = rows[: int(cut * len(rows))]
    events = happenings(seed, 80)
    if then:
        heard = [event for event in events if event[2] <= then[-1].received]
        before = grid_of({"pump-0": then}, EVERYTHING, {"pump-0": heard})
        after = grid_of({"pump-0": rows}, EVERYTHING, {"pump-0": events})
        clock = pd.Timestamp(round(then[-1].received * 1e6), unit="us", tz="UTC")
        known = int((before["received"] < clock).sum())
        pd.testing.assert_frame_equal(before[:known], after[:known])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.floats(0, 1), dirt=dirts)
def test_replaying_late_arrivals_gives_the_bytes_of_the_live_run_in_every_feature(
    seed: int, cut: float, dirt: Dirt
) -> None:
    rows, events = device_rows("pump-0", 80, seed, replace(dirt, delayed=0.4, twice=0.2)), happenings(seed, 80)
    replayed = grid_of({"pump-0": rows}, EVERYTHING, {"pump-0": events})
    features = compute(replayed, EVERYTHING)
    mixed = np.random.default_rng(seed).permutation(len(rows))
    again = grid_of({"pump-0": [rows[i] for i in mixed]}, EVERYTHING, {"pump-0": events[::-1]})
    assert compute(again, EVERYTHING).tobytes() == features.tobytes()
    if live := rows[: int(cut * len(rows))]:
        heard = [event for event in events if event[2] <= live[-1].received]
        grid = grid_of({"pump-0": live}, EVERYTHING, {"pump-0": heard})
        clock = pd.Timestamp(round(live[-1].received * 1e6), unit="us", tz="UTC")
        known = int((grid["received"] < clock).sum())  # what the live run had said by then
        assert compute(grid, EVERYTHING)[:known].tobytes() == features[:known].tobytes()


def test_replaying_late_arrivals_gives_the_grid_of_the_live_run() -> None:
    rows = device_rows("pump-0", 200, 5, Dirt(delayed=0.5, twice=0.2))
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    pd.testing.assert_frame_equal(grid_of({"pump-0": shuffled}), grid_of({"pump-0": rows}))


def test_late_and_early_rows_are_counted_as_the_device_counts_them() -> None:
    from pipelines.features.grid import grid_and_count

    rows = device_rows("pump-0", 200, 5, Dirt(delayed=0.5, early=0.1, missing=0.5))
    device = GridState(SPEC, CHANNELS)
    for row in rows:
        device.push(row)
    count = grid_and_count(table(rows), nothing_rejected(), SPEC, CHANNELS)[1]
    assert (count.late, count.early) == (device.late, device.early) and count.late > 0 < count.early
    assert count.rows == count.used + count.late + count.early + count.silent


def test_a_rejected_row_is_not_used() -> None:
    rows = table(device_rows("pump-0", 5))
    grid = build_grid(rows, rows.loc[[2], ["device", "time"]].assign(rule="row_missing"), SPEC, CHANNELS)
    assert grid["pressure.measured"].tolist() == [True, True, False, True, True]


def test_the_grid_has_the_types_of_the_contract() -> None:
    grid = grid_of(fleet(0, 20, Dirt()))
    kinds = {name: str(kind) for name, kind in grid.dtypes.items()}
    assert kinds["device"] == "str" and kinds["segment"] == kinds["run"] == "int32"
    assert kinds["time"] == kinds["received"] == "datetime64[us, UTC]"
    assert kinds["pressure"] == "float32" and kinds["pressure.measured"] == "bool"
    assert grid[["device", "time"]].equals(grid[["device", "time"]].sort_values(["device", "time"]))


def test_run_counts_rows_since_the_segment_began() -> None:
    grid = grid_of({"pump-0": device_rows("pump-0", 60, 1, Dirt(outages=3))})
    assert grid["segment"].max() > 0
    assert (grid["run"] == grid.groupby("segment").cumcount() + 1).all()


def test_channels_that_the_features_do_not_name_are_left_out() -> None:
    spec = replace(SPEC, channels=("flow",), spike=None)
    grid = build_grid(table(device_rows("pump-0", 10)), nothing_rejected(), spec, (Channel("flow", "", -5, 5),))
    assert "pressure" not in grid and compute(grid, spec).shape[0] == 10


@pytest.mark.slow
def test_std_of_a_very_long_drifting_history_is_exact() -> None:
    rng, n, window = np.random.default_rng(0), 10_000_000, 60
    x = (1e4 + rng.normal(0, 0.01, n) + 1e-4 * np.arange(n)).astype(np.float32)
    from pipelines.features import trailing_kernels as kernels

    out, wanted = np.empty((1, n), dtype=np.float32), np.full((1, 1, len(kernels.STATS)), -1)
    wanted[0, 0, kernels.STATS.index("std")] = 0
    kernels.trailing(x[None], np.empty((0, 0)), np.array([0, n]), np.array([window]), wanted, out)
    some = np.sort(rng.integers(window, n, 20_000))
    expected = x[some[:, None] - np.arange(window)].astype(np.float64).std(axis=1)
    far = expected > 4 * np.spacing(x[some])
    np.testing.assert_allclose(out[0, some][far], expected[far], rtol=1e-6)
