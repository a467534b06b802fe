"""Rows to a regular grid of slots: late rows out, spikes out, short silences held, long ones left empty.

The step form, and so the definition; `pipelines.features` has the batch form, held to this one by property tests.
Times are compared as whole microseconds, so that no rounding of seconds moves a row into another slot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.events import NEVER, EventState
from fleetloop_edge.rows import Row
from fleetloop_edge.spec import Channel, FeatureSpec, Spike

_LONG_AGO = -(2**62)
MAD_TO_SD = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""


def microseconds(seconds: float) -> int:
    """Epoch seconds, or a duration, as whole microseconds."""
    return round(seconds * 1e6)


@dataclass(frozen=True)
class Slot:
    """One period of one device, cleaned.

    index: slots since the epoch. time: its start; received: its end + late_s, when it may first be known (epoch s).
    values: (C,) float32, held where nothing was measured, NaN where nothing may be held. measured: (C,) bool.
    segment: counts the device's stretches without a silence longer than the fill bound or a reset, from 0. born: the
    slot of the event that began the device's present life, None where there was none. since: periods since the newest
    known event of each kind that the spec asks for.
    """

    index: int
    time: float
    received: float
    values: NDArray[np.float32]
    measured: NDArray[np.bool_]
    segment: int
    born: int | None = None
    since: tuple[float, ...] = ()


class GridState:
    """The grid of one device. Push rows as they are received; memory does not grow with time.

    Slot k is [k, k+1) periods. A row is used if it was received by slot end + late_s, else counted in `late`. Receiving
    a row first closes every slot that ended more than late_s before. In a slot each channel keeps its newest value
    by time (of equal times the later pushed); a missing value replaces nothing, and a row without any value only
    moves the clock. A channel that was not measured holds its last clean value for `fill` slots. A slot in which
    nothing arrived is emitted, held, if it is among the first `fill` such slots; a longer silence ends the segment. An
    event that resets ends it too, and with it a life: at the first slot in which something arrives that the event
    counts for.

    late: rows left out because they came too late. early: rows left out because they claim a slot that begins more
    than late_s + one period after they were received; no honest clock says so, and they would have to be kept.
    """

    def __init__(self, spec: FeatureSpec, channels: tuple[Channel, ...]) -> None:
        self.late = 0
        self.early = 0
        self._count = len(spec.channels)
        self._fill = spec.fill
        self._period = microseconds(spec.period_s)
        self._late = microseconds(spec.late_s)
        self._spikes = SpikeFilter(spec.spike, spans(spec, channels)) if spec.spike is not None else None
        self._events = EventState(spec, self._period, self._late)
        self._born = NEVER
        self._pending: dict[int, _OpenSlot] = {}
        self._clock = _LONG_AGO  # the newest receipt
        self._closed = _LONG_AGO  # the newest slot that takes no more rows
        self._heard = _LONG_AGO  # the newest closed slot in which something arrived
        self._next = -_LONG_AGO  # the slot after the newest emitted one; before the first, none may be held
        self._segment = -1
        self._forget()

    def push(self, row: Row) -> list[Slot]:
        """The slots that this row's receipt closes, oldest first; the row itself waits in its slot."""
        received = microseconds(row.received)
        self._clock = max(self._clock, received)
        emitted = self._close((self._clock - self._late - 1) // self._period - 1)
        time = microseconds(row.time)
        index = time // self._period
        if index <= self._closed:
            self.late += 1
        elif index * self._period > received + self._late + self._period:
            self.early += 1
        elif np.isfinite(row.values).any():
            self._pending.setdefault(index, _OpenSlot(self._count)).take(time, row.values)
        return emitted

    def event(self, kind: str, time: float, received: float) -> None:
        """Take an event of the device, in order of receipt with its rows. Times in epoch seconds."""
        self._events.push(kind, microseconds(time), microseconds(received))

    def flush(self) -> list[Slot]:
        """Close through the last slot in which something arrived, as if no more rows could come for it."""
        return self._close(max(self._pending)) if self._pending else []

    def _close(self, through: int) -> list[Slot]:
        emitted: list[Slot] = []
        for index in sorted(k for k in self._pending if k <= through):
            emitted += self._hold(index - 1)
            born = self._events.born(index)
            if index - self._heard - 1 > self._fill or born != self._born:
                self._segment += 1
                self._born = born
                self._forget()
            emitted.append(self._measure(index, self._pending.pop(index).values))
        emitted += self._hold(through)
        self._closed = max(self._closed, through)
        return emitted

    def _hold(self, through: int) -> list[Slot]:
        """The held slots after the last one in which something arrived, as far as the fill bound."""
        nothing = np.zeros(self._count, dtype=np.bool_)
        last = min(through, self._heard + self._fill)
        return [self._emit(index, nothing) for index in range(self._next, last + 1)]

    def _measure(self, index: int, values: NDArray[np.float32]) -> Slot:
        measured = np.isfinite(values)
        if self._spikes is not None:
            measured &= ~self._spikes.push(values, measured)
        self._held[measured] = values[measured]
        self._held_at[measured] = index
        self._heard = index
        return self._emit(index, measured)

    def _emit(self, index: int, measured: NDArray[np.bool_]) -> Slot:
        self._next = index + 1
        values = np.where(index - self._held_at <= self._fill, self._held, np.float32(np.nan))
        start, end = index * self._period, (index + 1) * self._period
        born = None if self._born == NEVER else self._born
        since = self._events.since(index)
        return Slot(index, start / 1e6, (end + self._late) / 1e6, values, measured, self._segment, born, since)

    def _forget(self) -> None:
        self._held = np.full(self._count, np.nan, dtype=np.float32)
        self._held_at = np.full(self._count, _LONG_AGO, dtype=np.int64)
        if self._spikes is not None:
            self._spikes.reset()


class _OpenSlot:
    """The newest value of each channel in one slot that may still take rows."""

    def __init__(self, count: int) -> None:
        self.values = np.full(count, np.nan, dtype=np.float32)
        self._at = np.full(count, _LONG_AGO, dtype=np.int64)

    def take(self, time: int, values: NDArray[np.float32]) -> None:
        newer = np.isfinite(values) & (time >= self._at)
        self.values[newer] = values[newer]
        self._at[newer] = time


class SpikeFilter:
    """Trailing Hampel filter of C channels, each over its own last `window` measured values, the newest included.

    A value is a spike if it lies further than sigmas x max(1.4826 x MAD, floor x range) from their median. Nothing is
    judged before window // 2 values have gone before. A spike stays in the history, so that a level that really
    moved is followed.
    """

    def __init__(self, spec: Spike, ranges: NDArray[np.float64]) -> None:
        self._sigmas = spec.sigmas
        self._least = spec.floor * ranges
        self._needed = spec.window // 2 + 1
        self._ring = np.empty((len(ranges), spec.window))
        self._seen = np.empty(len(ranges), dtype=np.int64)
        self._rows = np.arange(len(ranges))
        self.reset()

    def reset(self) -> None:
        """Forget the history."""
        self._ring.fill(np.nan)
        self._seen.fill(0)

    def push(self, values: NDArray[np.float32], measured: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Take the measured ones of values (C,) into the history; (C,) which of them are spikes."""
        window = self._ring.shape[1]
        self._ring[self._rows[measured], self._seen[measured] % window] = values[measured]
        self._seen[measured] += 1
        count = np.minimum(self._seen, window)
        middle = self._median(self._ring, count)
        spread = MAD_TO_SD * self._median(np.abs(self._ring - middle[:, None]), count)
        away = np.abs(values - middle)  # float64: the median is
        far = away > self._sigmas * np.maximum(spread, self._least)
        return measured & (count >= self._needed) & far

    def _median(self, ring: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
        """Median of each row's `count` values: missing ones sort last."""
        ordered = np.sort(ring, axis=1)
        low, high = ordered[self._rows, np.maximum(count - 1, 0) // 2], ordered[self._rows, count // 2]
        middle: NDArray[np.float64] = 0.5 * (low + high)
        return middle


def spans(spec: FeatureSpec, channels: tuple[Channel, ...]) -> NDArray[np.float64]:
    """(C,) max - min of the spec's channels. Raises ValueError naming a channel without a stated range."""
    ranges = {channel.name: channel.max - channel.min for channel in channels}
    for name in spec.channels:
        if name not in ranges:
            raise ValueError(f"channel {name!r} of the features has no range; expected one of {', '.join(ranges)}")
    return np.array([ranges[name] for name in spec.channels], dtype=np.float64)
