"""Held-out telemetry through the device's own code, row by row, at batch 1."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.decide import Decider, missing_share
from fleetloop_edge.features import FeatureState, input_columns
from fleetloop_edge.grid import GridState, Slot
from fleetloop_edge.model import OnnxModel
from fleetloop_edge.rows import Row
from fleetloop_edge.scale import Scaler
from fleetloop_edge.spec import Channel, FeatureSpec
from fleetloop_edge.window import SequenceWindow
from pipelines.evaluate import ModelDecision, epoch_seconds
from pipelines.features import Event, events_of

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Graph:
    """One form of one model, as the device would run it."""

    model: OnnxModel
    inputs: str
    scaler: Scaler | None
    learnt: ModelDecision


@dataclass(frozen=True)
class Replayed:
    """scored: device, time, and for each graph g the columns g (score) and g.acts. seconds: of the whole replay."""

    scored: pd.DataFrame
    cut: frozenset[str]  # devices whose history was not replayed to its end
    seconds: float


def replay(
    rows: pd.DataFrame,
    cut: frozenset[str],
    spec: FeatureSpec,
    channels: tuple[Channel, ...],
    graphs: Mapping[str, Graph],
    since: Mapping[str, float],
    events: pd.DataFrame | None = None,
) -> Replayed:
    """Score rows (device, time, received, channels; as received) device by device with the device's own states.

    since: epoch seconds of the first row of each device that is asked about; states are built up from its first row.
    events: device, kind, time, received, where the features ask for any.
    """
    began = time.perf_counter()
    found: list[dict[str, object]] = []
    for device, history in rows.groupby("device", sort=True):
        walk = _Walk(str(device), spec, channels, graphs, since[str(device)])
        waiting = events_of(events, str(device))
        for row in _rows(history, spec):
            while waiting and waiting[0].received <= row.received:
                walk.take(waiting.pop(0))
            found += walk.push(row)
        if device not in cut:
            found += walk.flush()
    columns = ["device", "time", *(c for g in graphs for c in (g, f"{g}.acts"))]
    scored = pd.DataFrame(found, columns=columns)
    scored["time"] = pd.to_datetime((scored["time"] * 1e6).round().astype("int64"), unit="us", utc=True)
    return Replayed(scored, cut, time.perf_counter() - began)


def _rows(history: pd.DataFrame, spec: FeatureSpec) -> Iterator[Row]:
    at, received = epoch_seconds(history["time"]), epoch_seconds(history["received"])
    values = history[list(spec.channels)].to_numpy(dtype=np.float32)
    device = str(history["device"].iloc[0])
    for i in range(len(history)):
        yield Row(device, float(at[i]), float(received[i]), values[i])


class _Walk:
    """Grid, features, window, models and decisions of one device."""

    def __init__(
        self,
        device: str,
        spec: FeatureSpec,
        channels: tuple[Channel, ...],
        graphs: Mapping[str, Graph],
        since: float,
    ) -> None:
        self._device, self._spec, self._graphs, self._since = device, spec, graphs, since
        self._grid = GridState(spec, channels)
        self._features = FeatureState(spec)
        self._window = SequenceWindow(spec)
        self._columns = input_columns(spec)
        self._deciders = {name: Decider(graph.learnt.decision) for name, graph in graphs.items()}

    def push(self, row: Row) -> list[dict[str, object]]:
        return [scored for slot in self._grid.push(row) for scored in self._slot(slot)]

    def take(self, event: Event) -> None:
        self._grid.event(event.kind, event.time, event.received)

    def flush(self) -> list[dict[str, object]]:
        return [scored for slot in self._grid.flush() for scored in self._slot(slot)]

    def _slot(self, slot: Slot) -> list[dict[str, object]]:
        features = self._features.push(slot)
        steps = self._window.push(features[self._columns], slot.segment)
        if self._features.rows < self._spec.min_rows or slot.time < self._since:
            return []
        missing = float(missing_share(slot.values))
        said: dict[str, object] = {"device": self._device, "time": slot.time}
        for name, graph in self._graphs.items():
            said |= self._answer(name, graph, slot, features, steps, missing)
        return [said]

    def _answer(
        self, name: str, graph: Graph, slot: Slot, features: Vector, steps: Vector, missing: float
    ) -> dict[str, object]:
        x = features[None]
        if graph.inputs == "sequence" and graph.scaler is not None:
            x = graph.scaler.apply(steps)[None]
        score = float(graph.model.predict(x)[0])
        decider, learnt = self._deciders[name], graph.learnt
        if missing > learnt.decision.abstain_missing:
            decision = decider.abstain("", self._device, slot.time, slot.received, slot.segment)
        else:
            low, high = score - learnt.interval, score + learnt.interval
            decision = decider.push(
                score, low, high, device=self._device, time=slot.time, received=slot.received, segment=slot.segment
            )
        return {name: np.float32(score), f"{name}.acts": decision.action == learnt.decision.action}
