"""The kernels over histories longer than what they work on at once: still the device's to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fleetloop_edge.grid import SpikeFilter
from fleetloop_edge.spec import FeatureSpec, Spike, Trailing
from fleetloop_edge.trailing import TrailingState, core_blocks

SIGNALS, ROWS = 5, 2600
STARTS = np.array([0, 30, 31, ROWS])
WINDOWS = (1, 7, 64, 65, 240, 700)
SPEC = FeatureSpec(
    channels=tuple(f"c{i}" for i in range(SIGNALS)),
    period_s=1.0,
    trailing=(Trailing(("mean", "std", "slope", "min", "max", "range", "delta", "deviation"), WINDOWS),),
    baseline_rows=10,
)


def history(seed: int) -> NDArray[np.float32]:
    """(S, n) around 1e4; cells, and once a channel for longer than a window, are missing."""
    rng = np.random.default_rng(seed)
    values = (1e4 + rng.normal(0, 0.01, (SIGNALS, ROWS))).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[2, 900:1500] = np.nan
    return values


def baseline(rows: int) -> NDArray[np.float64]:
    """(S, n)"""
    return np.add.outer(np.arange(SIGNALS), 1e4 + np.arange(rows) / ROWS)


def batch(values: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    from pipelines.features import trailing_kernels as kernels

    wanted = core_blocks(SPEC)
    first, last = wanted[0].columns.start, wanted[-1].columns.stop
    rows = np.full((SIGNALS, len(WINDOWS), len(kernels.STATS)), -1)
    for block in wanted:
        place = np.arange(block.columns.start, block.columns.stop) - first
        rows[:, WINDOWS.index(block.rows), kernels.STATS.index(block.what)] = place
    out = np.empty((last - first, values.shape[1]), dtype=np.float32)
    kernels.trailing(values, baseline(values.shape[1]), starts, np.array(WINDOWS), rows, out)
    return out


def test_windows_longer_than_a_piece_over_many_chunks_are_the_devices() -> None:
    values, state, wanted = history(0), TrailingState(SPEC), core_blocks(SPEC)
    own = baseline(ROWS)
    first, expected = wanted[0].columns.start, np.empty((ROWS, wanted[-1].columns.stop), dtype=np.float32)
    for row in range(ROWS):
        if row in STARTS:
            state.reset()
        state.push(values[:, row].astype(np.float64), lambda x, own=own[:, row]: x - own, expected[row])
    np.testing.assert_array_equal(batch(values, STARTS), expected[:, first:].T)


@pytest.mark.parametrize("kept", [31, 32, 900, 1023, 1024, 1025, 2599])
def test_a_long_history_cut_short_is_the_prefix_of_the_whole(kept: int) -> None:
    values = history(1)
    short = np.append(STARTS[np.less(STARTS, kept)], kept)
    np.testing.assert_array_equal(batch(values[:, :kept].copy(), short), batch(values, STARTS)[:, :kept])


@pytest.mark.parametrize("window", [1, 2, 6, 11, 32, 33, 60])
def test_spikes_are_the_devices_whatever_the_width_of_the_window(window: int) -> None:
    from pipelines.features.spike_kernels import Hampel, measure

    values = np.random.default_rng(window).standard_t(1.5, ROWS).astype(np.float32).round(1)
    values[::17] = np.nan
    spec, span = Spike(window, 3.0, 0.1), 2.0
    device, expected = SpikeFilter(spec, np.array([span])), np.isfinite(values)
    for row in range(ROWS):
        if row in STARTS:
            device.reset()
        expected[row] &= not device.push(values[row : row + 1], expected[row : row + 1])[0]
    found = np.empty(ROWS, dtype=np.bool_)
    measure(values, STARTS, Hampel(window, spec.sigmas, spec.floor * span), found)
    np.testing.assert_array_equal(found, expected)
    assert window < 3 or 0 < (~found).sum() - len(values[::17]) < ROWS / 2
