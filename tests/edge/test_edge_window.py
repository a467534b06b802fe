"""What the sequence model is fed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fleetloop_edge.scale import Scaler
from fleetloop_edge.spec import Sequence
from fleetloop_edge.window import SequenceWindow
from tests.builders.telemetry import SPEC

NAN = np.float32(np.nan)
FIRST = replace(SPEC, sequence=Sequence(steps=3, inputs=("value",), pad="first"))
ZERO = replace(SPEC, sequence=Sequence(steps=3, inputs=("value",), pad="zero"))


def test_a_short_history_is_padded_with_its_first_row() -> None:
    window = SequenceWindow(FIRST)
    window.push(np.float32([1, 2]), 0)
    np.testing.assert_array_equal(window.push(np.float32([3, 4]), 0), [[1, 2], [1, 2], [3, 4]])


def test_padding_with_zero_is_the_mean_after_scaling() -> None:
    padded = SequenceWindow(ZERO).push(np.float32([1, 2]), 0)
    scaled = Scaler((1.0, 1.0), (2.0, 1.0)).apply(padded)
    np.testing.assert_array_equal(scaled, [[0, 0], [0, 0], [0, 1]])


def test_only_the_last_steps_stay() -> None:
    window = SequenceWindow(FIRST)
    pushed = [window.push(np.float32([i, i]), 0) for i in range(5)]
    np.testing.assert_array_equal(pushed[-1][:, 0], [2, 3, 4])
    np.testing.assert_array_equal(pushed[-2][:, 0], [1, 2, 3])


def test_no_window_reaches_over_the_start_of_a_segment() -> None:
    window = SequenceWindow(FIRST)
    window.push(np.float32([1, 2]), 0)
    np.testing.assert_array_equal(window.push(np.float32([3, 4]), 1), [[3, 4]] * 3)


def test_scaling_takes_missing_to_the_mean_and_cuts_outliers() -> None:
    scaled = Scaler((10.0,), (2.0,)).apply(np.float32([[NAN], [14], [1e9], [-np.inf]]))
    np.testing.assert_array_equal(scaled, np.float32([[0], [2], [10], [-10]]))
