"""The walk of one row on the device: decode, check, build row, grid and features, window, predict, decide, spool."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.bundle import Bundle, Manifest
from fleetloop_edge.check import check
from fleetloop_edge.counters import Totals
from fleetloop_edge.decide import ABSTAIN, Decider, Decision, missing_share, who_answers, why_nobody
from fleetloop_edge.decoders import decode
from fleetloop_edge.errors import DecodeError, SpoolFull
from fleetloop_edge.features import FeatureState, input_columns
from fleetloop_edge.grid import GridState, Slot
from fleetloop_edge.readings import Rejected
from fleetloop_edge.rows import Row, build_rows
from fleetloop_edge.spool import Spool
from fleetloop_edge.window import SequenceWindow

ASIDE = 256
"""Undecodable payloads, and rejected values, that are kept for a look; the oldest go."""
UNSPOOLED = 1024
"""Decisions that wait in memory while the disk takes none."""


@dataclass(frozen=True)
class Aside:
    """A payload that could not become readings, with the reason."""

    source: str
    received: float
    payload: bytes
    rule: str
    reason: str


@dataclass
class Counters:
    """What a heartbeat reports, since the runtime began. rejected: values that became NaN."""

    records: int = 0
    undecodable: int = 0
    rejected: int = 0
    rows: int = 0
    late: int = 0
    early: int = 0
    decisions: int = 0
    abstained: int = 0
    fallback: int = 0
    unspooled: int = 0


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A slot that is to be answered. missing: share of channels without a value."""

    device: str
    time: float
    received: float
    segment: int
    missing: float


@dataclass
class _Device:
    """The states of one device: everything that its next decision depends on."""

    grid: GridState
    features: FeatureState
    window: SequenceWindow
    decider: Decider


class Runtime:
    """A bundle at work on a gateway, for any number of devices. One row at a time; nothing is looked at twice.

    aside, rejected: the newest payloads and values that could not be used, with their reasons.
    """

    def __init__(self, bundle: Bundle, spool: Spool | None = None) -> None:
        self.bundle = bundle
        self.aside: deque[Aside] = deque(maxlen=ASIDE)
        self.rejected: deque[Rejected] = deque(maxlen=ASIDE)
        self._manifest = bundle.manifest
        self._spec = self._manifest.features
        self._channels = {channel.name: channel for channel in self._manifest.channels}
        self._columns = input_columns(self._spec)
        self._spool = spool
        self._unspooled: deque[Decision] = deque()
        self._counters = Counters()
        self._totals = Totals()
        self._devices: dict[str, _Device] = {}
        self._life: dict[str, dict[str, Any]] = {}

    def push(self, source: str, payload: bytes, received: float) -> list[Decision]:
        """Take one payload of a source as it arrives; the decisions that its rows complete, oldest first.

        received: the gateway's clock, epoch seconds. A payload that cannot be read is put aside and counted. Raises
        SpoolFull when neither disk nor memory can keep one more decision.
        """
        self._counters.records += 1
        mapping = self._manifest.sources.get(source)
        try:
            if mapping is None:
                known = ", ".join(sorted(self._manifest.sources)) or "none"
                raise DecodeError("no_source", f"the bundle knows no source {source!r}; it has {known}")
            readings = decode(payload, mapping, received)
        except DecodeError as error:
            self._counters.undecodable += 1
            self.aside.append(Aside(source, received, payload, error.rule, error.reason))
            return []
        checked, rejected = check(readings, mapping, self._channels)
        counted, outside = self._totals.counted(checked, mapping, self._channels)
        self._counters.rejected += len(rejected) + len(outside)
        self.rejected.extend([*rejected, *outside])
        rows = build_rows(counted, self._spec.channels)
        return [decision for row in rows for decision in self.push_row(row)]

    def push_row(self, row: Row) -> list[Decision]:
        """Take one row, values in the order of the features' channels; the decisions on the slots it closes."""
        self._counters.rows += 1
        device = self._known(row.device)
        return self._decide(row.device, device, device.grid.push(row))

    def event(self, device: str, kind: str, time: float, received: float) -> None:
        """Take an event of a device (maintenance, set-point), as it is received; times in epoch seconds."""
        self._known(device).grid.event(kind, time, received)

    def flush(self) -> list[Decision]:
        """Close every device's open slots, as at the end of a replay."""
        found = []
        for name, device in sorted(self._devices.items()):
            found += self._decide(name, device, device.grid.flush())
        return found

    @property
    def counters(self) -> Counters:
        """The counts so far."""
        grids = [device.grid for device in self._devices.values()]
        self._counters.late = sum(grid.late for grid in grids)
        self._counters.early = sum(grid.early for grid in grids)
        self._counters.unspooled = len(self._unspooled)
        return self._counters

    def heartbeat(self, gateway: str, time: float, uptime: float, latency: float = math.nan) -> dict[str, Any]:
        """The gateway's state as JSON types, spooled where there is a spool. latency: seconds a decision takes."""
        queue = (self._spool.queue if self._spool else 0) + len(self._unspooled)
        beat = {"device": gateway, "time": time, "uptime": uptime, "latency": latency, "queue": queue}
        beat |= {"bundle": self.bundle.id, "counters": asdict(self.counters)}
        if self._spool is not None:
            self._spool.put_heartbeat(beat)
        return beat

    def life(self) -> dict[str, Any]:
        """What outlasts this bundle and this gateway: each device's age, own baselines and counters, as JSON types."""
        known = {name: device.features.life() for name, device in self._devices.items()}
        totals = self._totals.to_dict()
        said = {"channels": list(self._spec.signals), "devices": {**self._life, **known}}
        return said | ({"totals": totals} if totals else {})

    def restore(self, life: Mapping[str, Any]) -> None:
        """Take over what `life` of an earlier runtime gave; for devices that this one has not yet heard.

        A channel that the earlier bundle did not know begins its baseline now.
        """
        old = [str(name) for name in life["channels"]]
        places = [old.index(name) if name in old else None for name in self._spec.signals]
        self._totals = Totals(life.get("totals"))
        self._life = {str(name): _rearranged(saved, places) for name, saved in life["devices"].items()}

    def _known(self, name: str) -> _Device:
        if name not in self._devices:
            self._devices[name] = self._start(name)
        return self._devices[name]

    def _start(self, name: str) -> _Device:
        manifest, spec = self._manifest, self._spec
        features = FeatureState(spec, self._life.pop(name, None))
        decider = Decider(manifest.models[manifest.primary].decision)
        return _Device(GridState(spec, manifest.channels), features, SequenceWindow(spec), decider)

    def _decide(self, name: str, device: _Device, slots: list[Slot]) -> list[Decision]:
        found = []
        for slot in slots:
            features = device.features.push(slot)
            steps = device.window.push(features[self._columns], slot.segment)
            if device.features.rows >= self._spec.min_rows:
                row = ScoredRow(name, slot.time, slot.received, slot.segment, float(missing_share(slot.values)))
                found.append(answer(self._manifest, device.decider, row, partial(self._score, features, steps)))
        self._counters.fallback += sum(decision.model == self._manifest.fallback for decision in found)
        self._counters.abstained += sum(decision.action == ABSTAIN for decision in found)
        self._keep(found)
        return found

    def _score(self, features: NDArray[np.float32], steps: NDArray[np.float32], model: str) -> float:
        """One model's answer on one row: (F,) features, (steps, I) unscaled inputs."""
        scaler, entry = self._manifest.scaler, self._manifest.models[model]
        x = features if scaler is None or entry.inputs == "features" else scaler.apply(steps)
        return float(self.bundle.models[model].predict(x[None])[0])

    def _keep(self, decisions: list[Decision]) -> None:
        """To disk, in order; what the disk does not take waits in memory, and then is tried again."""
        self._counters.decisions += len(decisions)
        if self._spool is None:
            return
        self._unspooled.extend(decisions)
        try:
            while self._unspooled:
                self._spool.put_decision(self._unspooled[0])
                self._unspooled.popleft()
        except SpoolFull:
            if len(self._unspooled) > UNSPOOLED:
                raise


def answer(manifest: Manifest, decider: Decider, row: ScoredRow, score: Callable[[str], float]) -> Decision:
    """The decision on one row: which model answers it, its score with its interval, and what follows.

    score: the answer of a model by its name; asked once at most.
    """
    rule = manifest.models[manifest.primary].decision
    who = who_answers(rule, row.missing, manifest.fallback is not None)
    if who == "nobody":
        return decider.abstain(why_nobody(rule, row.missing), row.device, row.time, row.received, row.segment)
    model = manifest.fallback if who == "fallback" and manifest.fallback else manifest.primary
    entry, found = manifest.models[model], score(model)
    return decider.push(
        found,
        found - entry.interval,
        found + entry.interval,
        device=row.device,
        time=row.time,
        received=row.received,
        segment=row.segment,
        model=model,
        spec=entry.decision,
    )


def _rearranged(saved: Mapping[str, Any], places: list[int | None]) -> dict[str, Any]:
    """A saved life with its channels in another order; new ones start empty."""
    empty = {"count": 0, "first": 0.0, "sum": 0.0}
    moved = {key: [none if p is None else saved[key][p] for p in places] for key, none in empty.items()}
    return {"born": saved["born"], "event": saved.get("event"), **moved}
