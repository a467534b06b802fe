"""A bundle's decisions over history: row by row through the device's runtime, or in batch. The answers are the same.

Batch computes the grid and the features of all devices at once, then asks the models row by row: onnxruntime picks
its kernels by batch size, and a GRU's score at batch 2 and more differs from batch 1 in its last bit in one row of five
(measured; trees do not differ). The device runs at batch 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.bundle import Bundle
from fleetloop_edge.decide import Decider, Decision, missing_share
from fleetloop_edge.features import input_columns
from fleetloop_edge.rows import Row
from fleetloop_edge.runtime import Runtime, ScoredRow, answer
from fleetloop_edge.spec import FeatureSpec
from pipelines.features import build_grid, compute, events_of
from pipelines.progress import Shown, unseen
from pipelines.watch.field_log import NONE_REJECTED


def by_row(
    bundle: Bundle, rows: pd.DataFrame, events: pd.DataFrame | None = None, shown: Shown = unseen
) -> list[Decision]:
    """Push every row through the runtime in order of receipt; decisions by device and time.

    rows: device, time, received (UTC) and at least the features' channels. events: device, kind, time, received; the
    gateway is told of each before the rows that it receives later. shown: draws progress.
    """
    runtime = Runtime(bundle)
    found: list[Decision] = []
    waiting = deque(events_of(events))
    for row in shown(as_received(rows, bundle.manifest.features), total=len(rows)):
        while waiting and waiting[0].received <= row.received:
            event = waiting.popleft()
            runtime.event(event.device, event.kind, event.time, event.received)
        found += runtime.push_row(row)
    return sorted(found + runtime.flush(), key=lambda decision: (decision.device, decision.time))


def by_batch(
    bundle: Bundle, rows: pd.DataFrame, events: pd.DataFrame | None = None, shown: Shown = unseen
) -> list[Decision]:
    """The same, from the grid and the features of all rows at once."""
    manifest, spec = bundle.manifest, bundle.manifest.features
    grid = build_grid(rows, NONE_REJECTED, spec, manifest.channels, events)
    run = grid["run"].to_numpy(dtype=np.int64)
    scores = _Scores(bundle, compute(grid, spec), run)
    at = [_seconds(grid[name]).tolist() for name in ("time", "received")]
    missing = missing_share(grid[list(spec.channels)].to_numpy(dtype=np.float32)).tolist()
    columns = zip(grid["device"].tolist(), *at, grid["segment"].tolist(), missing, strict=True)
    deciders: dict[str, Decider] = {}
    found = []
    for place, (device, time, received, segment, share) in enumerate(shown(columns, total=len(grid))):
        if run[place] < spec.min_rows:
            continue
        decider = deciders.setdefault(device, Decider(manifest.models[manifest.primary].decision))
        row = ScoredRow(device, time, received, segment, share)
        found.append(answer(manifest, decider, row, partial(scores.one, place)))
    return found


def as_received(rows: pd.DataFrame, spec: FeatureSpec) -> Iterator[Row]:
    """Rows in the order in which a gateway gets them: by receipt, then by time."""
    ordered = rows.sort_values(["received", "time", "device"], kind="stable")
    times = (_seconds(ordered["time"]).tolist(), _seconds(ordered["received"]).tolist())
    values = ordered[list(spec.channels)].to_numpy(dtype=np.float32)
    for device, time, received, cells in zip(ordered["device"].tolist(), *times, values, strict=True):
        yield Row(device, time, received, cells)


class _Scores:
    """A bundle's models over the rows of a grid: (n, F) features, (n,) rows since the segment began, from 1."""

    def __init__(self, bundle: Bundle, features: NDArray[np.float32], run: NDArray[np.int64]) -> None:
        manifest = bundle.manifest
        self._models, self._entries = bundle.models, manifest.models
        self._features, self._run = features, run
        self._steps, self._first = manifest.features.sequence.steps, manifest.features.sequence.pad == "first"
        inputs = features[:, input_columns(manifest.features)]
        self._inputs = inputs if manifest.scaler is None else manifest.scaler.apply(inputs)

    def one(self, place: int, model: str) -> float:
        """A model's answer on row `place`, at batch 1."""
        whole = self._entries[model].inputs == "features"
        x = self._features[place] if whole else self._window(place)
        return float(self._models[model].predict(x[None])[0])

    def _window(self, place: int) -> NDArray[np.float32]:
        """(steps, I) scaled inputs that end with row `place`, padded on the left as SequenceWindow pads."""
        real = min(int(self._run[place]), self._steps)
        window = np.zeros((self._steps, self._inputs.shape[1]), dtype=np.float32)  # scaled, a missing value is 0
        window[self._steps - real :] = self._inputs[place - real + 1 : place + 1]
        if self._first:
            window[: self._steps - real] = window[self._steps - real]
        return window


def _seconds(times: pd.Series[pd.Timestamp]) -> NDArray[np.float64]:
    whole = pd.DatetimeIndex(times).as_unit("us").asi8
    seconds: NDArray[np.float64] = whole / 1e6
    return seconds
