"""Channels that broke: stuck, silent, or stepped off on their own; by device, against the device's own past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.spec import Channel
from pipelines.watch.pieces import Pieces, Runs
from pipelines.watch.steps import JumpNull, Step, find_steps, learn_jumps
from pipelines.watch.windows import Float

PIECES_A_WINDOW = 7
FEWEST_ROWS = 4  # of a piece
LOOK_BACK = 6  # judged spans of history that pieces are cut of
STUCK_SHARE, STUCK_TIMES, STUCK_LEAST = 0.95, 3.0, 8  # a run is stuck beyond TIMES what that share of windows keeps to
FEW = 3  # devices whose channel broke, from which on one cause is looked for
GONE, USUAL = 0.1, 0.5  # a channel is gone below this share of rows, where it used to be above that one


@dataclass(frozen=True)
class Look:
    """How sensors are looked at. window: rows of a judgement's window; m of them are judged."""

    period_s: float
    window: int
    m: int
    nominal: float

    @property
    def piece(self) -> int:
        """Rows of a piece: a day of hourly rows where a window is a week."""
        return max(FEWEST_ROWS, round(self.window / PIECES_A_WINDOW))

    @property
    def pieces(self) -> int:
        """How many pieces back are looked at."""
        return int(np.ceil(LOOK_BACK * self.m * self.window / self.piece))


@dataclass(frozen=True)
class Fault:
    """One channel of one device that broke. since: from the first row that is wrong. size: of an offset, in units.

    weak: too small a step to be one by itself; it counts where others of a cohort have the same.
    """

    device: str
    channel: str
    kind: Literal["stuck", "dropout", "offset"]
    since: pd.Timestamp
    sentence: str
    size: float = 0.0
    weak: bool = False


@dataclass(frozen=True)
class SensorNull:
    """What healthy devices' sensors do. longest: (C,) rows for which a channel may keep one value, inf = for good.
    jumps: None where the reference is too short to know."""

    longest: Float
    jumps: JumpNull | None


def learn_sensors(reference: Pieces, runs: Sequence[Sequence[NDArray[np.int64]]], look: Look) -> SensorNull:
    """runs: for each channel the longest runs of device windows, part by part."""
    longest = []
    for parts in runs:
        usual = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
        limit = STUCK_TIMES * float(np.quantile(usual, STUCK_SHARE)) if len(usual) else np.inf
        longest.append(max(STUCK_LEAST, limit) if limit <= look.window else np.inf)  # else constant by nature
    return SensorNull(np.array(longest), learn_jumps(reference))


def find_faults(
    pieces: Pieces,
    runs: Runs,
    null: SensorNull,
    channels: Sequence[Channel],
    look: Look,
    rows: Callable[[Collection[str]], pd.DataFrame],
    begin: pd.Timestamp | None = None,
) -> tuple[Fault, ...]:
    """Faults that still hold at the log's end, one a device and channel.

    pieces: of a log and of its devices' past. runs: of the log. rows: grid rows of some devices, sorted by device and
    time. begin: of the log; a channel that stepped before it is as the model knows it.
    """
    found: dict[tuple[str, str], Fault] = {}
    for fault in (*_gone(pieces, runs, channels), *_stuck(runs, null, channels)):
        found.setdefault((fault.device, fault.channel), fault)
    if null.jumps is not None:
        steps = _worth_a_look(find_steps(pieces, null.jumps, look.nominal), found.values(), pieces)
        for fault in _steps(steps, pieces, null.jumps, channels, rows, begin):
            found.setdefault((fault.device, fault.channel), fault)
    return tuple(found[key] for key in sorted(found))


def _worth_a_look(steps: Sequence[Step], known: Iterable[Fault], pieces: Pieces) -> list[Step]:
    """Without the weak steps that no strong one stands beside: on the same device, or on FEW others' same channel."""
    strong = [s for s in steps if s.z > s.limit]
    devices, count = {s.device for s in strong}, Counter(fault.channel for fault in known)
    count.update(pieces.channels[s.channel] for s in strong)
    return [s for s in steps if s.device in devices or count[pieces.channels[s.channel]] >= FEW]


def _steps(
    steps: Sequence[Step],
    pieces: Pieces,
    null: JumpNull,
    channels: Sequence[Channel],
    rows: Callable[[Collection[str]], pd.DataFrame],
    begin: pd.Timestamp | None,
) -> list[Fault]:
    if not steps:
        return []
    near = rows(sorted({pieces.devices[s.device] for s in steps}))
    near = near[near["time"] >= pieces.start(min(s.piece for s in steps) - 3)]
    mine = {str(name): frame for name, frame in near.groupby("device", sort=False)}
    told = []
    for step in steps:
        frame, leftover = mine[pieces.devices[step.device]], null.leftover(step.channel)
        told.append(_stepped(frame, pieces, step, channels[step.channel], leftover))
    fresh = [fault for fault in told if begin is None or fault.since >= begin]
    return [fault for fault in fresh if not any(_together(fault, other) for other in told)]


def _together(one: Fault, other: Fault) -> bool:
    """Whether two channels of a device stepped within a day: a machine that changed, not its sensors."""
    near = abs(one.since - other.since) <= pd.Timedelta(days=1)
    return one.device == other.device and one.channel != other.channel and near


def _gone(pieces: Pieces, runs: Runs, channels: Sequence[Channel]) -> list[Fault]:
    """Channels that a device which still speaks no longer measures."""
    share = pieces.share
    faults: list[Fault] = []
    if share.shape[1] < 2:
        return faults
    newest, places = share[:, -1], {name: i for i, name in enumerate(runs.devices)}
    usual = np.array([_median(share[:, :-1, c]) for c in range(len(channels))]).T
    for device, place in zip(*np.nonzero((newest <= GONE) & (usual >= USUAL)), strict=True):
        name, channel = pieces.devices[device], channels[place]
        if name not in places:
            continue
        heard = pd.Timestamp(int(runs.heard[places[name], place]), unit="us", tz="UTC")
        since = heard + pd.Timedelta(seconds=pieces.calendar.period_s)
        sentence = (
            f"{channel.name} is gone since {since:%Y-%m-%d %H:%M}: measured in {newest[device, place]:.0%} of the "
            f"newest rows, in {usual[device, place]:.0%} before"
        )
        faults.append(Fault(name, channel.name, "dropout", since, sentence))
    return faults


def _stuck(runs: Runs, null: SensorNull, channels: Sequence[Channel]) -> list[Fault]:
    """Channels that end with one value for much longer than healthy ones ever keep one."""
    faults: list[Fault] = []
    for device, place in zip(*np.nonzero(runs.length > null.longest), strict=True):
        channel, since = channels[place], pd.Timestamp(int(runs.since[device, place]), unit="us", tz="UTC")
        sentence = (
            f"{channel.name} is stuck at {runs.value[device, place]:.4g} {channel.unit} since {since:%Y-%m-%d %H:%M}, "
            f"for {runs.length[device, place]} rows (limit {null.longest[place]:.0f}, from healthy devices' longest "
            "runs)"
        )
        faults.append(Fault(runs.devices[device], channel.name, "stuck", since, sentence))
    return faults


def _stepped(mine: pd.DataFrame, pieces: Pieces, step: Step, channel: Channel, leftover: Float) -> Fault:
    """mine: rows of the device. weights `leftover`: (C,) see `JumpNull`: they take out what the other channels tell, to
    find the moment by."""
    name = pieces.devices[step.device]
    begin, end = pieces.start(step.piece - 3), pieces.start(step.piece + 2)
    mine = mine[(mine["time"] >= begin) & (mine["time"] < end) & mine[f"{channel.name}.measured"]]
    values = mine[channel.name].to_numpy(dtype=np.float64)
    others = mine[list(pieces.channels)].to_numpy(dtype=np.float64)
    there = np.isfinite(others)
    usual = np.where(there, others, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    split = _split(np.where(there, others, usual) @ leftover)
    since, before, after = mine["time"].iloc[split], values[:split].mean(), values[split:].mean()
    ratio = f", x{after / before:.3g}" if before * after > 0 and not 0.67 < after / before < 1.5 else ""
    sentence = (
        f"{channel.name} stepped from {before:.4g} to {after:.4g} {channel.unit}{ratio} at {since:%Y-%m-%d %H:%M}, no "
        f"other channel with it ({step.z:.1f} sd of what the others leave open, limit {step.limit:.1f})"
    )
    return Fault(name, channel.name, "offset", since, sentence, step.size, weak=step.z <= step.limit)


def _split(values: Float) -> int:
    """Where two constants fit a series best: the first place of the second one."""
    if len(values) < 2:
        return 0
    number = np.arange(1, len(values))
    total = np.cumsum(values)
    left, right = total[:-1] / number, (total[-1] - total[:-1]) / (len(values) - number)
    gain = number * (len(values) - number) * (left - right) ** 2
    return int(np.argmax(gain)) + 1


def _median(values: Float) -> Float:
    """(D,) medians over pieces; NaN where there are none."""
    known = np.isfinite(values)
    found = np.full(len(values), np.nan)
    for device in np.flatnonzero(known.any(axis=1)):
        found[device] = np.median(values[device, known[device]])
    return found
