"""The grid over history, compiled: the same operations in the same order as `fleetloop_edge.grid`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fleetloop_edge.events import NEVER
from fleetloop_edge.grid import MAD_TO_SD

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

LONG_AGO = -(2**62)


class Bounds(NamedTuple):
    """Whole microseconds, but `fill`: slots. What decides which row is used and how long a value is held."""

    period: int
    late: int
    fill: int


class Hampel(NamedTuple):
    """The spike filter; window 0: none. least: (C,) smallest robust deviation."""

    window: int
    sigmas: float
    least: NDArray[np.float64]


class Events(NamedTuple):
    """Events of k devices' histories, sorted by device and by the slot from which each counts."""

    device: Int
    known: Int
    slot: Int


class Heard(NamedTuple):
    """Slots in which something arrived (m of them), and rows left out."""

    device: Int  # (m,)
    slot: Int  # (m,)
    values: Float32  # (m, C)
    used: int
    late: int
    early: int


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def hear(device: Int, time: Int, received: Int, values: Float32, bounds: Bounds) -> Any:
    """Rows sorted by device, time, received (all (n,)) to the slots in which something arrived."""
    n, channels = values.shape
    slot_device, slot_index = np.empty(n, np.int64), np.empty(n, np.int64)
    slots = np.empty((n, channels), np.float32)
    m, used, late, early = 0, 0, 0, 0
    for row in range(n):
        index = time[row] // bounds.period
        if received[row] > (index + 1) * bounds.period + bounds.late:
            late += 1
            continue
        if index * bounds.period > received[row] + bounds.late + bounds.period:
            early += 1
            continue
        spoken = 0
        for c in range(channels):
            spoken += np.isfinite(values[row, c])
        if spoken == 0:
            continue
        used += 1
        if m == 0 or slot_device[m - 1] != device[row] or slot_index[m - 1] != index:
            slot_device[m], slot_index[m] = device[row], index
            for c in range(channels):
                slots[m, c] = np.nan
            m += 1
        for c in range(channels):
            if np.isfinite(values[row, c]):
                slots[m - 1, c] = values[row, c]
    return Heard(slot_device[:m], slot_index[:m], slots[:m], used, late, early)


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
def emit(
    heard: Heard, begun: Int, held: Int, fill: int, hampel: Hampel, keys: Int, values: Float32, measured: Bool
) -> None:
    """Fill keys (n, 6: device, slot, segment, run, generation, born), values and measured (n, C) of the emitted slots.

    begun: (m,) the slot of the newest event that begins a life.
    """
    channels = values.shape[1]
    sorted_ring, ring = np.empty((channels, hampel.window)), np.empty((channels, hampel.window))
    seen, held_at = np.empty(channels, np.int64), np.empty(channels, np.int64)
    last = np.empty(channels, np.float32)
    row, segment, run, generation, born = 0, -1, 0, 0, NEVER
    for i in range(len(heard.slot)):
        index, device = heard.slot[i], heard.device[i]
        newborn = i == 0 or heard.device[i - 1] != device
        reset = not newborn and begun[i] != begun[i - 1]
        if newborn or reset:
            generation, born = 0 if newborn else generation + 1, index if begun[i] == NEVER else begun[i]
        if newborn or reset or index - heard.slot[i - 1] - 1 > fill:
            segment, run = 0 if newborn else segment + 1, 0
            for c in range(channels):
                seen[c], held_at[c] = 0, LONG_AGO
        for c in range(channels):
            x = heard.values[i, c]
            measured[row, c] = np.isfinite(x) and not spike(np.float64(x), c, hampel, seen, ring, sorted_ring)
            if measured[row, c]:
                last[c], held_at[c] = x, index
        for ahead in range(held[i] + 1):
            run += 1
            keys[row, 0], keys[row, 1], keys[row, 2], keys[row, 3] = device, index + ahead, segment, run
            keys[row, 4], keys[row, 5] = generation, born
            for c in range(channels):
                values[row, c] = last[c] if index + ahead - held_at[c] <= fill else np.float32(np.nan)
                measured[row, c] = measured[row, c] and ahead == 0
            row += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def spike(
    x: float,
    channel: int,
    hampel: Hampel,
    seen: Int,
    ring: NDArray[np.float64],
    sorted_ring: NDArray[np.float64],
) -> Any:
    """Take x into the channel's history; whether it is a spike."""
    if hampel.window == 0:
        return False
    place, count = seen[channel] % hampel.window, min(seen[channel], hampel.window)
    ordered = sorted_ring[channel]
    if count == hampel.window:
        remove(ordered, count, ring[channel, place])
        count -= 1
    insert(ordered, count, x)
    ring[channel, place] = x
    seen[channel] += 1
    count += 1
    if count < hampel.window // 2 + 1:
        return False
    middle = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
    spread = MAD_TO_SD * middle_distance(ordered, count, middle)
    return abs(x - middle) > hampel.sigmas * max(spread, hampel.least[channel])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def insert(ordered: NDArray[np.float64], count: int, x: float) -> None:
    """Put x into the first `count` ascending values."""
    i = count
    while i > 0 and ordered[i - 1] > x:
        ordered[i] = ordered[i - 1]
        i -= 1
    ordered[i] = x


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def remove(ordered: NDArray[np.float64], count: int, x: float) -> None:
    """Take one x out of the first `count` ascending values."""
    i = 0
    while ordered[i] != x:
        i += 1
    while i < count - 1:
        ordered[i] = ordered[i + 1]
        i += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def middle_distance(ordered: NDArray[np.float64], count: int, middle: float) -> Any:
    """Median of |value - middle| of ascending values: walks outwards from the middle, nearest first."""
    right = (count - 1) // 2 + 1
    left = right - 1
    low = high = 0.0
    for taken in range(count // 2 + 1):
        if right >= count or (left >= 0 and abs(ordered[left] - middle) <= abs(ordered[right] - middle)):
            distance = abs(ordered[left] - middle)
            left -= 1
        else:
            distance = abs(ordered[right] - middle)
            right += 1
        if taken == (count - 1) // 2:
            low = distance
        high = distance
    return 0.5 * (low + high)
