"""Clocks that are off, jump, or begin again are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.ingest.clocks import ahead, jumps, turns

S = 1_000_000


def test_a_clock_is_told_from_the_way_by_the_fleet() -> None:
    lines = [
        ("p", 2.0, 90.0),
        ("q", 2.4, 80.0),
        ("q", 5.0, 70.0),
        ("r", -88.0, 9.0),
        ("s", 602.0, 700.0),
        ("t", 5.0, 5.0),
    ]
    found = ahead(pd.DataFrame(lines, columns=["device", "delay_min", "delay_max"]))
    assert found.to_dict() == pytest.approx({"p": 0.2, "q": -0.2, "r": 90.2, "s": -599.8})


def test_one_device_alone_is_ahead_only_where_it_sends_from_the_future() -> None:
    def alone(low: float) -> float:
        return float(ahead(pd.DataFrame([("p", low, 90.0)], columns=["device", "delay_min", "delay_max"]))["p"])

    assert (alone(30.0), alone(-30.0)) == (0.0, 30.0)


def test_jumps_are_found_and_late_rows_are_none() -> None:
    rng = np.random.default_rng(5)
    true = np.arange(400) * 60 * S
    received = true + rng.integers(1, 20, 400) * S
    received[50] += 7200 * S  # a late row
    clock = true + np.where(np.arange(400) >= 150, 3600 * S, 0) - np.where(np.arange(400) >= 300, 5400 * S, 0)
    found = jumps(clock, received, 600 * S)
    assert [row for row, _ in found] == [150, 300]
    assert [round(by / S / 60) for _, by in found] == pytest.approx([60, -90], abs=1)
    assert jumps(true, received, 600 * S) == [] and jumps(true[:3], received[:3], S) == []


def test_a_counter_that_begins_again_turns_back() -> None:
    device = np.array([0, 1, 0, 1, 0, 0], dtype=np.int32)
    assert turns(np.array([5, 1, 6, 2, 1, 2]) * S, device).tolist() == [4]
