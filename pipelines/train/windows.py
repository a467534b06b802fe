"""Windows: the rows that a model is fitted to or asked about, with their features and the way back to their past."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.scale import Scaler
from fleetloop_edge.spec import FeatureSpec
from pipelines.errors import DataError

Float = NDArray[np.float32]
Index = NDArray[np.int64]


class Features(Protocol):
    """(rows, F) features, unscaled, NaN = missing; some rows at a time."""

    def __getitem__(self, at: Index, /) -> Float:
        """(k, F) the features of rows `at` (k,); those in rising order come cheapest."""


class Source(Protocol):
    """Where the rows' values come from: arrays that are there, or the grid on the disk."""

    @property
    def features(self) -> Features:
        """Of every row, unscaled."""

    @property
    def inputs(self) -> Float:
        """(rows, I) the per-row features that the sequence model sees."""


@dataclass(frozen=True)
class Held:
    """A source that is there: features (rows, F), inputs (rows, I)."""

    features: Float
    inputs: Float


@dataclass(frozen=True)
class Windows:
    """n windows over a table of rows; a window is named by its last row and reaches back to its segment's start.

    source: of the rows' values. end, start: (n,) row of the window's last row, and the first row it may reach.
    row: (n,) the last row's place in `read_grid` and `read_targets`. target: (n,) NaN = unknown. life: (n,) periods to
    failure, inf = none known. age: (n,) rows since commissioning. device: (n,) codes into `devices`.
    """

    source: Source
    end: Index
    start: Index
    row: Index
    target: Float
    life: NDArray[np.float64]
    age: Float
    device: NDArray[np.int32]
    devices: tuple[str, ...]
    names: tuple[str, ...]  # of the F features
    input_names: tuple[str, ...]  # of the I inputs
    spec: FeatureSpec

    def __len__(self) -> int:
        return len(self.end)

    @property
    def features(self) -> Features:
        """(rows, F) of every row, unscaled: `windows.features[windows.end]` are those of the windows' last rows."""
        return self.source.features

    @property
    def inputs(self) -> Float:
        """(rows, I) the per-row features that the sequence model sees, unscaled."""
        return self.source.inputs

    def take(self, which: NDArray[Any]) -> Windows:
        """The windows that a mask (n,) or indices select; the table of rows is shared, not copied."""
        per_window = ("end", "start", "row", "target", "life", "age", "device")
        return replace(self, **{name: getattr(self, name)[which] for name in per_window})

    def known(self) -> Windows:
        """The windows whose target is known."""
        return self.take(np.isfinite(self.target))

    def learnable(self) -> Windows:
        """The windows whose target is known. Raises DataError if there is none."""
        known = self.known()
        if len(known) == 0:
            raise DataError("no train row has a known target; check the task and the failures in the events table")
        return known

    def gather(self, which: NDArray[Any], scaler: Scaler) -> Float:
        """(k, steps, I) scaled inputs of windows `which`, left-padded where the segment is shorter than `steps`."""
        rows, real = self.reach(which)
        steps = scaler.apply(self.inputs[rows])
        if self.spec.sequence.pad == "zero":
            steps[~real] = 0.0
        return steps

    def reach(self, which: NDArray[Any]) -> tuple[Index, NDArray[np.bool_]]:
        """(k, steps) rows of the windows, the segment's first one standing for those before it, and which are real."""
        back = np.arange(self.spec.sequence.steps - 1, -1, -1)
        rows = self.end[which][:, None] - back
        start = self.start[which][:, None]
        return np.maximum(rows, start), rows >= start
