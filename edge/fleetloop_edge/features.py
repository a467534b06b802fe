"""Slots to features, one vector a row: the step form, and so the definition.

Two kinds of state: window state (trailing statistics, EWMA) ends with a segment; life state (age, own baseline)
lasts as long as the device, and can be handed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.grid import Slot
from fleetloop_edge.signals import Signals
from fleetloop_edge.spec import FeatureSpec, PerRow
from fleetloop_edge.trailing import TrailingState, statistics

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Columns first .. first + width of the feature vector: one kind of feature over all signals (age: one column)."""

    kind: PerRow | str  # or "trailing"
    first: int
    names: tuple[str, ...]

    @property
    def columns(self) -> slice:
        return slice(self.first, self.first + len(self.names))


def blocks(spec: FeatureSpec) -> tuple[Block, ...]:
    """The feature vector, block by block: value, missing, deviation, EWMA by weight, age, trailing by pair."""
    kinds: list[tuple[str, str]] = [("value", "value")]
    kinds += [("missing", "missing")] * spec.missing
    kinds += [("deviation", "deviation")] * has_deviation(spec)
    kinds += [("ewma", f"ewma.{weight:g}") for weight in spec.ewma]
    kinds += [("age", "")] * spec.age
    kinds += [("trailing", f"{stat}.{rows}") for rows, stat in statistics(spec)]
    found: list[Block] = []
    first = 0
    for kind, suffix in kinds:
        names = ("age",) if kind == "age" else tuple(f"{signal}.{suffix}" for signal in spec.signals)
        found.append(Block(kind, first, names))
        first += len(names)
    return tuple(found)


def feature_names(spec: FeatureSpec) -> tuple[str, ...]:
    """The F feature names: pressure.value, pressure.ewma.0.1, pressure.mean.48, age."""
    return tuple(name for block in blocks(spec) for name in block.names)


def input_columns(spec: FeatureSpec) -> NDArray[np.int64]:
    """(I,) the feature columns that feed the sequence model, in the order of spec.sequence.inputs."""
    columns = [
        np.arange(block.first, block.first + len(block.names), dtype=np.int64)
        for kind in spec.sequence.inputs
        for block in blocks(spec)
        if block.kind == kind
    ]
    return np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)


def has_deviation(spec: FeatureSpec) -> bool:
    """Whether a signal less the device's own baseline is a feature of its own; normalised by device all values are."""
    return spec.baseline_rows > 0 and not (spec.normalise is not None and spec.normalise.device)


class FeatureState:
    """The features of one device. Push its slots in order; memory does not grow with time.

    age: periods since the device's first slot, that one being 1; silences count. deviation: value less the mean of
    the channel's first `baseline_rows` values in the device's life, of those so far while they come in. ewma starts
    at the segment's first value and keeps still where there is none. missing: 1 where the slot measured nothing.

    life: what `life()` of an earlier state gave, where the device is already known.
    Raises ValueError if `life` is of another number of signals, or if the spec's norms were not learnt yet.
    """

    def __init__(self, spec: FeatureSpec, life: dict[str, Any] | None = None) -> None:
        self._spec = spec
        self._columns: dict[str, slice] = {}  # a kind's blocks stand together
        for block in blocks(spec):
            first = self._columns.get(block.kind, block.columns).start
            self._columns[block.kind] = slice(first, block.columns.stop)
        self._width = len(feature_names(spec))
        self._weights = np.array(spec.ewma, dtype=np.float64)[:, None]
        self._signals = Signals(spec)
        self._unit = np.array(spec.norms.device_sd) if spec.norms is not None else np.empty(0)
        self._ewma = np.empty((len(spec.ewma), len(spec.signals)))
        self._trailing = TrailingState(spec)
        self._own = [i for i, (_, stat) in enumerate(statistics(spec)) if stat == "deviation"]
        self._segment: int | None = None
        self._life = _Life(len(spec.signals), spec.baseline_rows, life)
        self._reset()

    def push(self, slot: Slot) -> NDArray[np.float32]:
        """(F,) features after this slot."""
        if slot.segment != self._segment:
            self._segment = slot.segment
            self._reset()
        self.rows += 1
        values = self._signals.apply(slot.values[None])[0]
        x = values.astype(np.float64)
        age = self._life.take(slot.index, x)
        if len(self._unit):
            values = (self._life.deviation(x) / self._unit).astype(np.float32)
            x = values.astype(np.float64)
        if len(self._ewma):
            np.copyto(self._ewma, x, where=np.isnan(self._ewma))
            np.add(self._ewma, self._weights * (x - self._ewma), out=self._ewma, where=np.isfinite(x))
        return self._vector(slot, values, x, age)

    def life(self) -> dict[str, Any]:
        """The life state as JSON types."""
        return self._life.to_dict()

    def _reset(self) -> None:
        self.rows = 0  # since the segment began
        self._ewma.fill(np.nan)
        self._trailing.reset()

    def _vector(self, slot: Slot, values: NDArray[np.float32], x: Float, age: int) -> NDArray[np.float32]:
        out = np.empty(self._width, dtype=np.float32)
        trailing = self._trailing.push(values)
        if self._own:
            trailing[self._own] = self._life.deviation(trailing[self._own].astype(np.float64))
        parts: dict[str, NDArray[Any] | int] = {
            "value": values,
            "missing": ~self._signals.measured(slot.measured[None])[0],
            "deviation": self._life.deviation(x) if "deviation" in self._columns else x,
            "ewma": self._ewma.ravel(),
            "age": age,
            "trailing": trailing.ravel(),
        }
        for kind, columns in self._columns.items():
            out[columns] = parts[kind]
        return out


class _Life:
    """What lasts as long as the device: its first slot, and each channel's own baseline."""

    def __init__(self, count: int, rows: int, saved: dict[str, Any] | None) -> None:
        self._rows = rows
        self._born: int | None = saved["born"] if saved else None
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

    def take(self, index: int, x: Float) -> int:
        """Count slot `index` with values (C,) in; the device's age in periods, 1 at its first slot."""
        self._born = index if self._born is None else self._born
        age = index - self._born + 1
        if self._learnt:
            return age
        counts = np.isfinite(x) & (self._count < self._rows)
        self._first = np.where(counts & (self._count == 0), x, self._first)
        self._sum += np.where(counts, x - self._first, 0.0)
        self._count += counts
        return age

    def to_dict(self) -> dict[str, Any]:
        return {
            "born": self._born,
            "count": self._count.tolist(),
            "first": self._first.tolist(),
            "sum": self._sum.tolist(),
        }
