"""Slots to features, one vector a row: the step form, and so the definition.

Two kinds of state: window state (trailing statistics, EWMA, recent rows) ends with a segment; life state (age, own
baseline) lasts as long as the device or until a reset, and can be handed on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.cycles import on_circle
from fleetloop_edge.grid import Slot
from fleetloop_edge.layout import Block, blocks, feature_names, has_deviation, input_columns
from fleetloop_edge.shape import RecentRows
from fleetloop_edge.signals import Signals
from fleetloop_edge.spec import FeatureSpec
from fleetloop_edge.trailing import TrailingState

__all__ = ["Block", "FeatureState", "blocks", "feature_names", "has_deviation", "input_columns"]

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]


class FeatureState:
    """The features of one device. Push its slots in order; memory does not grow with time.

    age: periods since the device's first slot, that one being 1, or since a reset; silences count. deviation: value
    less the mean of the channel's first `baseline_rows` values in the device's life, of those so far while they come
    in. ewma starts at the segment's first value and keeps still where there is none. missing: 1 where the slot measured
    nothing.

    life: what `life()` of an earlier state gave, where the device is already known.
    Raises ValueError if `life` is of another number of signals, or if the spec's norms were not learnt yet.
    """

    def __init__(self, spec: FeatureSpec, life: dict[str, Any] | None = None) -> None:
        count = len(spec.signals)
        self._signals = Signals(spec)
        self._unit = np.array(spec.norms.device_sd) if spec.norms is not None else np.empty(0)
        self._has_missing, self._has_deviation, self._has_age = spec.missing, has_deviation(spec), spec.age
        self._blocks = [b for b in blocks(spec) if b.kind in ("since", "calendar", "shape", "lag", "spectral")]
        self._places = {kind: _columns(spec, kind) for kind in ("value", "missing", "deviation", "ewma", "age")}
        self._out = np.empty(len(feature_names(spec)), dtype=np.float32)
        self._weights = np.array(spec.ewma, dtype=np.float64)[:, None]
        self._ewma = np.empty((len(spec.ewma), count))
        self._trailing = TrailingState(spec)
        back = [block.rows + (block.kind == "lag") for block in self._blocks if block.rows]
        self._recent = RecentRows(max(back), count) if back else None
        self._segment: int | None = None
        self._life = _Life(count, spec.baseline_rows, life)
        self._reset()

    def push(self, slot: Slot) -> Float32:
        """(F,) features after this slot."""
        if slot.segment != self._segment:
            self._segment = slot.segment
            self._reset()
        if slot.born is not None:
            self._life.begin(slot.born)
        self.rows += 1
        values = slot.values if self._signals.plain else self._signals.apply(slot.values[None])[0]
        x = values.astype(np.float64)
        age = self._life.take(slot.index, x)
        if len(self._unit):
            values = (self._life.deviation(x) / self._unit).astype(np.float32)
            x = values.astype(np.float64)
        if len(self._ewma):
            np.copyto(self._ewma, x, where=np.isnan(self._ewma))
            np.add(self._ewma, self._weights * (x - self._ewma), out=self._ewma, where=np.isfinite(x))
        measured = slot.measured if self._signals.plain else self._signals.measured(slot.measured[None])[0]
        self._write(values, x, measured, age)
        if self._blocks:
            self._write_blocks(slot, x, measured)
        return self._out.copy()

    def life(self) -> dict[str, Any]:
        """The life state as JSON types."""
        return self._life.to_dict()

    def _reset(self) -> None:
        self.rows = 0  # since the segment began
        self._ewma.fill(np.nan)
        self._trailing.reset()
        if self._recent is not None:
            self._recent.reset()

    def _write(self, values: Float32, x: Float, measured: NDArray[np.bool_], age: int) -> None:
        """What is kept up row by row."""
        out, places = self._out, self._places
        out[places["value"]] = values
        if self._has_missing:
            out[places["missing"]] = ~measured
        if self._has_deviation:
            out[places["deviation"]] = self._life.deviation(x)
        if len(self._ewma):
            out[places["ewma"]] = self._ewma.ravel()
        if self._has_age:
            out[places["age"]] = age
        self._trailing.push(x, self._life.deviation, out)

    def _write_blocks(self, slot: Slot, x: Float, measured: NDArray[np.bool_]) -> None:
        """What is made of the recent rows, of events and of the clock."""
        since = iter(slot.since)
        if self._recent is not None:
            self._recent.push(x, measured)
        for block in self._blocks:
            if block.kind == "since":
                self._out[block.columns] = next(since)
            elif block.kind == "calendar":
                self._out[block.columns] = on_circle(np.array([slot.time]), block.what)[:, 0]
            elif self._recent is not None:
                self._out[block.columns] = self._recent.feature(block)[list(block.signals)]


def _columns(spec: FeatureSpec, kind: str) -> slice:
    """The columns of all blocks of a kind, which stand together."""
    of = [block.columns for block in blocks(spec) if block.kind == kind]
    return slice(of[0].start, of[-1].stop) if of else slice(0, 0)


class _Life:
    """What lasts as long as the device: its first slot, and each channel's own baseline."""

    def __init__(self, count: int, rows: int, saved: dict[str, Any] | None) -> None:
        self._rows = rows
        self._born: int | None = saved["born"] if saved else None
        self._event: int | None = saved.get("event") if saved else None  # the slot of the reset that began it
        self._count = np.array(saved["count"] if saved else [0] * count, dtype=np.int64)
        self._first = np.array(saved["first"] if saved else [0.0] * count, dtype=np.float64)
        self._sum = np.array(saved["sum"] if saved else [0.0] * count, dtype=np.float64)
        self._baseline = np.empty(count)
        self._learnt = rows == 0  # nothing more to learn
        if len(self._count) != count:
            raise ValueError(f"the saved life has {len(self._count)} signals, the features have {count}")

    def deviation(self, x: Float) -> Float:
        """Values (..., C) less the mean of each channel's first ones; NaN where there is none yet."""
        if not self._learnt:
            self._baseline = self._first + self._sum / np.maximum(self._count, 1)
            self._baseline[self._count == 0] = np.nan
            self._learnt = int(self._count.min()) == self._rows
        return x - self._baseline

    def begin(self, event: int) -> None:
        """A new life, counted from the slot of the event that began it; once an event."""
        if event == self._event:
            return
        self._born = self._event = event
        self._count.fill(0)
        self._learnt = self._rows == 0

    def take(self, index: int, x: Float) -> int:
        """Count slot `index` with values (C,) in; the device's age in periods, 1 at its first slot."""
        self._born = index if self._born is None else self._born
        age = index - self._born + 1
        if self._learnt:
            return age
        counts = np.isfinite(x) & (self._count < self._rows)
        begins = counts & (self._count == 0)
        self._first[begins], self._sum[begins] = x[begins], 0.0
        self._sum += np.where(counts, x - self._first, 0.0)
        self._count += counts
        return age

    def to_dict(self) -> dict[str, Any]:
        return {
            "born": self._born,
            "event": self._event,
            "count": self._count.tolist(),
            "first": self._first.tolist(),
            "sum": self._sum.tolist(),
        }
