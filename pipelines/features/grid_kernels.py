"""The grid over history, compiled: the same operations in the same order as `fleetloop_edge.grid`.

First which slot each row falls into, then channel by channel: a channel's values lie side by side, and no more than one
channel is worked on at a time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleetloop_edge.events import NEVER

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

LONG_AGO = -(2**62)
KEYS = 6
DEVICE, SLOT, SEGMENT, RUN, GENERATION, BORN = range(KEYS)
"""Rows of the keys of emitted slots; BORN: the slot in which the device's life began."""


class Bounds(NamedTuple):
    """Whole microseconds, but `fill`: slots. What decides which row is used and how long a value is held."""

    period: int
    late: int
    fill: int


class Events(NamedTuple):
    """Events of k devices' histories, sorted by device and by the slot from which each counts."""

    device: Int
    known: Int
    slot: Int


class Heard(NamedTuple):
    """Slots in which something arrived (m of them), and rows left out. into: (n,) each row's slot, -1: left out."""

    device: Int  # (m,)
    slot: Int  # (m,)
    into: Int
    used: int
    late: int
    early: int


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def hear(device: Int, time: Int, received: Int, speaks: Bool, bounds: Bounds) -> Any:
    """Rows sorted by device, time, received (all (n,)) to the slots in which something arrived."""
    n = len(time)
    slot_device, slot_index, into = np.empty(n, np.int64), np.empty(n, np.int64), np.full(n, -1)
    m, used, late, early = 0, 0, 0, 0
    for row in range(n):
        index = time[row] // bounds.period
        if received[row] > (index + 1) * bounds.period + bounds.late:
            late += 1
        elif index * bounds.period > received[row] + bounds.late + bounds.period:
            early += 1
        elif speaks[row]:
            used += 1
            if m == 0 or slot_device[m - 1] != device[row] or slot_index[m - 1] != index:
                slot_device[m], slot_index[m] = device[row], index
                m += 1
            into[row] = m - 1
    return Heard(slot_device[:m].copy(), slot_index[:m].copy(), into, used, late, early)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def newest(values: Float32, into: Int, slots: Float32) -> None:
    """Fill slots (m,) with the newest value that arrived in each, NaN where none did."""
    slots[:] = np.nan
    for row in range(len(into)):
        if into[row] >= 0 and np.isfinite(values[row]):
            slots[into[row]] = values[row]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def held_after(heard: Heard, closed: Int, fill: int) -> Any:
    """(m,) held slots that follow each: as many as are silent, have closed ((devices,) newest) and may be filled."""
    m = len(heard.slot)
    held = np.empty(m, np.int64)
    for i in range(m):
        newest = closed[heard.device[i]] - heard.slot[i]
        if i + 1 < m and heard.device[i + 1] == heard.device[i]:
            newest = heard.slot[i + 1] - heard.slot[i] - 1
        held[i] = max(0, min(fill, newest))
    return held


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def newest_event(device: Int, slot: Int, events: Events) -> Any:
    """(n,) the slot of the newest event that each slot's device has had and that counts by then; NEVER if none.

    device, slot: (n,) sorted.
    """
    found = np.empty(len(slot), np.int64)
    event, newest = 0, NEVER
    for i in range(len(slot)):
        if i == 0 or device[i] != device[i - 1]:
            newest = NEVER
            while event < len(events.device) and events.device[event] < device[i]:
                event += 1
        while event < len(events.device) and events.device[event] == device[i] and events.known[event] <= slot[i]:
            newest = max(newest, events.slot[event])
            event += 1
        found[i] = newest
    return found


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def emit_keys(heard: Heard, begun: Int, held: Int, fill: int, keys: Int) -> Any:
    """Fill keys (KEYS, n) of the emitted slots; (segments + 1,) at which heard slot each segment begins, and m.

    begun: (m,) the slot of the newest event that begins a life.
    """
    starts = np.empty(len(heard.slot) + 1, np.int64)
    row, segments, segment, run, generation, born = 0, 0, -1, 0, 0, NEVER
    for i in range(len(heard.slot)):
        index, device = heard.slot[i], heard.device[i]
        newborn = i == 0 or heard.device[i - 1] != device
        reset = not newborn and begun[i] != begun[i - 1]
        if newborn or reset:
            generation, born = 0 if newborn else generation + 1, index if begun[i] == NEVER else begun[i]
        if newborn or reset or index - heard.slot[i - 1] - 1 > fill:
            segment, run = 0 if newborn else segment + 1, 0
            starts[segments] = i
            segments += 1
        for ahead in range(held[i] + 1):
            run += 1
            keys[DEVICE, row], keys[SLOT, row], keys[SEGMENT, row] = device, index + ahead, segment
            keys[RUN, row], keys[GENERATION, row], keys[BORN, row] = run, generation, born
            row += 1
    starts[segments] = len(heard.slot)
    return starts[: segments + 1].copy()


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def hold(
    slots: Float32, clean: Bool, heard: Heard, starts: Int, held: Int, fill: int, values: Float32, measured: Bool
) -> None:
    """Fill values and measured (n,) of the emitted slots: each of `slots` (m,) that is clean, held for `fill` slots."""
    row = 0
    for segment in range(len(starts) - 1):
        last, until = np.float32(np.nan), LONG_AGO
        for i in range(starts[segment], starts[segment + 1]):
            index = heard.slot[i]
            if clean[i]:
                last, until = slots[i], index + fill
            measured[row] = clean[i]
            values[row] = last if index <= until else np.float32(np.nan)
            row += 1
            for ahead in range(1, held[i] + 1):
                measured[row] = False
                values[row] = last if index + ahead <= until else np.float32(np.nan)
                row += 1
