"""Windows: what they reach, how they are padded, and that they agree with the device, step by step."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.scale import Scaler
from fleetloop_edge.window import SequenceWindow
from pipelines.train.gather import gather
from pipelines.train.load import windows_of
from pipelines.train.recurrent import fit_scaler
from tests.builders.windows import SPEC, TASKS, tiny_windows

LIFE = TASKS["life"]
UNSCALED = Scaler((0.0,) * 3, (1.0,) * 3)


def padded(pad, **spec):
    sequence = dataclasses.replace(SPEC.sequence, pad=pad)
    return tiny_windows(LIFE, spec=dataclasses.replace(SPEC, sequence=sequence, **spec))


@pytest.mark.parametrize("pad", ["first", "zero"])
def test_a_gathered_window_is_the_devices_own_window_scaled(pad):
    windows = padded(pad)
    scaler = fit_scaler(windows.inputs)
    state = SequenceWindow(windows.spec)
    stepwise = [scaler.apply(state.push(windows.inputs[row], int(windows.start[row]))) for row in windows.end]
    np.testing.assert_array_equal(windows.gather(np.arange(len(windows)), scaler), np.stack(stepwise))


@pytest.mark.parametrize("pad", ["first", "zero"])
def test_training_batches_are_the_same_windows(pad):
    windows = padded(pad)
    scaled = np.ascontiguousarray(UNSCALED.apply(windows.inputs))
    found = np.empty((len(windows), windows.spec.sequence.steps, scaled.shape[1]), dtype=np.float32)
    gather(scaled, windows.end, windows.start, pad == "first", found)
    np.testing.assert_array_equal(found, windows.gather(np.arange(len(windows)), UNSCALED))


def test_no_window_reaches_into_another_device():
    windows = tiny_windows(LIFE)
    rows, _ = windows.reach(np.arange(len(windows)))
    assert (windows.device[rows] == windows.device[:, None]).all()


def test_taking_windows_keeps_their_rows_and_their_past():
    windows = tiny_windows(LIFE)
    late = windows.age > 10
    taken = windows.take(late)
    np.testing.assert_array_equal(taken.features[taken.end], windows.features[late])
    np.testing.assert_array_equal(
        taken.gather(np.arange(3), UNSCALED), windows.gather(np.flatnonzero(late)[:3], UNSCALED)
    )


def test_a_constant_or_silent_input_is_not_blown_up():
    inputs = np.array([[518.67, np.nan, 1.0], [518.67, np.nan, 3.0]], dtype=np.float32)
    scaler = fit_scaler(inputs)
    assert scaler.sd == (1.0, 1.0, 1.0) and scaler.mean[2] == 2.0
    np.testing.assert_array_equal(scaler.apply(inputs)[:, :2], 0.0)


def grid_and_targets(runs):
    """One device a list of segment lengths; side and valid go by device."""
    devices = np.repeat([f"d{i}" for i in range(len(runs))], [sum(run) for run in runs])
    segments = np.concatenate([np.repeat(np.arange(len(run)), run) for run in runs])
    run = np.concatenate([np.arange(1, length + 1) for lengths in runs for length in lengths])
    n = len(run)
    start = pd.Timestamp("2026-01-01", tz="UTC").as_unit("us")
    place = np.concatenate([np.arange(sum(lengths)) for lengths in runs])
    grid = pd.DataFrame({"device": devices, "time": start + pd.to_timedelta(place, unit="h")})
    grid = grid.assign(segment=segments.astype(np.int32), run=run.astype(np.int32), generation=np.int32(0))
    grid = grid.assign(age=(place + 1).astype(np.int32))
    grid = grid.assign(heat=np.arange(n, dtype=np.float32), noise=np.zeros(n, np.float32))
    grid = grid.assign(**{"heat.measured": True, "noise.measured": True})
    targets = grid[["device", "time"]].assign(life=np.arange(n)[::-1].astype(float), target=np.float32(1.0))
    code = pd.factorize(devices)[0]
    side = np.array(["train", "train", "test"])[code]
    return grid, targets.assign(side=side, valid=code == 1)


def test_sides_are_told_apart_and_valid_devices_are_no_train_devices():
    grid, targets = grid_and_targets([[4], [5], [6]])
    found = {side: windows_of(grid, targets, SPEC, side).devices for side in ("train", "valid", "test", None)}
    assert found == {"train": ("d0",), "valid": ("d1",), "test": ("d2",), None: ("d0", "d1", "d2")}


def test_windows_begin_at_min_rows_of_each_segment_and_remember_their_place_in_the_grid():
    grid, targets = grid_and_targets([[4], [5], [3, 2, 4]])
    windows = windows_of(grid, targets, dataclasses.replace(SPEC, min_rows=3), "test")
    assert (windows.row - 9).tolist() == windows.end.tolist() == [2, 7, 8]
    assert windows.start.tolist() == [0, 5, 5]
    assert windows.age.tolist() == [3, 8, 9]
    np.testing.assert_array_equal(windows.features[windows.end][:, 0], grid["heat"].to_numpy()[windows.row])


def test_a_side_without_devices_has_no_windows():
    grid, targets = grid_and_targets([[4], [5], [6]])
    assert len(windows_of(grid, targets, SPEC, "calibration")) == 0
