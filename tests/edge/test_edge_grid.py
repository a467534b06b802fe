"""The grid, one row at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fleetloop_edge.grid import GridState, Slot
from fleetloop_edge.rows import Row
from fleetloop_edge.spec import Channel, FeatureSpec, Spike

SPEC = FeatureSpec(channels=("a", "b"), period_s=10.0, fill=2, late_s=5.0)
RANGES = (Channel("a", "", 0.0, 100.0), Channel("b", "", 0.0, 100.0))
NAN = float("nan")


def row(time: float, a: float, b: float = 1.0, received: float | None = None) -> Row:
    return Row("d", time, time if received is None else received, np.array([a, b], dtype=np.float32))


def walk(*rows: Row, spec: FeatureSpec = SPEC, flush: bool = True) -> list[Slot]:
    grid = GridState(spec, RANGES)
    return [slot for each in rows for slot in grid.push(each)] + (grid.flush() if flush else [])


def first_channel(slots: list[Slot]) -> list[float]:
    return [float(slot.values[0]) for slot in slots]


def test_a_slot_stands_for_its_newest_value_whatever_came_last() -> None:
    slots = walk(row(1, 5, received=1), row(8, 7, received=8), row(3, 6, received=9))
    assert [(s.index, s.time, s.received) for s in slots] == [(0, 0.0, 15.0)]
    assert first_channel(slots) == [7.0]


def test_of_two_values_of_one_time_the_later_pushed_stands() -> None:
    assert first_channel(walk(row(1, 5), row(1, 6, received=2))) == [6.0]


def test_a_missing_value_replaces_nothing() -> None:
    slots = walk(row(1, 5), row(2, NAN, 3))
    np.testing.assert_array_equal(slots[0].values, [5, 3])


def test_a_row_received_on_the_bound_is_used_and_one_later_is_counted_late() -> None:
    grid = GridState(SPEC, RANGES)
    assert grid.push(row(1, 5, received=15.0)) == []
    grid.push(row(2, 6, received=15.001))
    assert (first_channel(grid.flush()), grid.late) == ([], 1)


def test_a_slot_closes_only_when_something_is_received_after_its_bound() -> None:
    assert walk(row(1, 5), row(14, 6, received=15.0), flush=False) == []
    assert first_channel(walk(row(1, 5), row(14, 6, received=15.001), flush=False)) == [5.0]


def test_a_late_row_still_closes_the_slots_before_its_receipt() -> None:
    grid = GridState(SPEC, RANGES)
    grid.push(row(11, 5))
    assert first_channel(grid.push(row(1, 6, received=26.0))) == [5.0]
    assert grid.late == 1


def test_a_row_measured_far_in_the_future_is_left_out_and_counted() -> None:
    grid = GridState(SPEC, RANGES)
    grid.push(row(1e9, 5, received=1))
    assert (grid.flush(), grid.early) == ([], 1)


def test_a_silent_channel_holds_its_value_for_fill_slots_then_is_missing() -> None:
    slots = walk(row(1, 5), *(row(t, NAN) for t in (11, 21, 31)))
    np.testing.assert_array_equal(first_channel(slots), [5, 5, 5, NAN])
    assert [bool(s.measured[0]) for s in slots] == [True, False, False, False]


def test_a_short_silence_is_emitted_held_in_the_same_segment() -> None:
    slots = walk(row(1, 5), row(31, 6))
    assert [(s.index, s.segment, bool(s.measured.any())) for s in slots] == [
        (0, 0, True), (1, 0, False), (2, 0, False), (3, 0, True),
    ]  # fmt: skip


def test_a_long_silence_is_not_filled_over_and_begins_a_new_segment() -> None:
    slots = walk(row(1, 5), row(41, NAN, 6))
    assert [(s.index, s.segment) for s in slots] == [(0, 0), (1, 0), (2, 0), (4, 1)]
    np.testing.assert_array_equal(slots[-1].values, [NAN, 6])


def test_held_slots_are_emitted_while_the_silence_lasts() -> None:
    grid = GridState(SPEC, RANGES)
    grid.push(row(1, 5))
    assert [s.index for s in grid.push(row(2, 5, received=36.0))] == [0, 1, 2]


def test_a_row_without_any_value_only_moves_the_clock() -> None:
    assert [s.index for s in walk(row(1, 5), row(21, NAN, NAN))] == [0]
    assert [s.index for s in walk(row(1, 5), row(41, NAN, NAN))] == [0, 1, 2]


def test_a_flushed_slot_takes_no_more_rows() -> None:
    grid = GridState(SPEC, RANGES)
    grid.push(row(1, 5))
    grid.flush()
    grid.push(row(2, 6))
    assert (grid.flush(), grid.late) == ([], 1)


SPIKY = replace(SPEC, spike=Spike(window=5, sigmas=3.0, floor=0.01))


def test_a_spike_counts_as_not_measured() -> None:
    slots = walk(*(row(10 * i, v) for i, v in enumerate([5, 6, 5, 6, 50, 5])), spec=SPIKY)
    assert first_channel(slots) == [5, 6, 5, 6, 6, 5]
    assert [bool(s.measured[0]) for s in slots] == [True, True, True, True, False, True]


def test_nothing_is_a_spike_before_half_a_window_has_been_measured() -> None:
    assert first_channel(walk(row(0, 5), row(10, 50), spec=SPIKY)) == [5, 50]
    assert first_channel(walk(row(0, 5), row(10, 5), row(20, 50), spec=SPIKY)) == [5, 5, 5]


def test_a_level_that_really_moves_is_followed() -> None:
    values = [5, 6, 5, 6, 5, 50, 51, 50, 51]
    assert first_channel(walk(*(row(10 * i, v) for i, v in enumerate(values)), spec=SPIKY))[-2:] == [50, 51]


def test_a_constant_signal_may_move_by_the_floor() -> None:
    assert walk(*(row(10 * i, v) for i, v in enumerate([5, 5, 5, 5, 7.9])), spec=SPIKY)[-1].measured[0] == np.True_
    assert walk(*(row(10 * i, v) for i, v in enumerate([5, 5, 5, 5, 8.1])), spec=SPIKY)[-1].measured[0] == np.False_


def test_a_channel_without_a_range_is_named() -> None:
    with pytest.raises(ValueError, match="channel 'b' of the features has no range; expected one of a"):
        GridState(SPIKY, RANGES[:1])


def test_memory_does_not_grow_with_rows_that_never_come_due() -> None:
    grid = GridState(SPEC, RANGES)
    for slot in range(1000):
        grid.push(row(10 * slot + 1, 5, received=1))
    assert len(grid.flush()) <= 3
