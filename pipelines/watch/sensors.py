"""Channels that broke: stuck, silent, or stepped off on their own; by device, against the device's own past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from fleetloop_edge.spec import Channel
from pipelines.watch.measure import Calendar
from pipelines.watch.pieces import Pieces, cut, longest_runs, runs_at_the_end
from pipelines.watch.steps import Step, find_steps, learn_jumps
from pipelines.watch.windows import Float

PIECES_A_WINDOW = 7
FEWEST_ROWS = 4  # of a piece
LOOK_BACK = 6  # judged spans of history that pieces are cut of
STUCK_SHARE, STUCK_TIMES, STUCK_LEAST = 0.95, 3.0, 8  # a run is stuck beyond TIMES what that share of windows keeps to
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


def find_faults(
    log: pd.DataFrame,
    reference: pd.DataFrame,
    channels: Sequence[Channel],
    look: Look,
    begin: pd.Timestamp | None = None,
) -> tuple[Fault, ...]:
    """Faults that still hold at the log's end, one a device and channel.

    log, reference: grid rows sorted by device and time, with `<channel>.measured`; the log with its devices' past.
    begin: of the log; a channel that stepped before it is as the model knows it.
    """
    names = tuple(c.name for c in channels)
    calendar = Calendar(look.period_s, look.piece, int(Calendar(look.period_s, 1, 0).slot(log["time"]).max()))
    pieces = cut(log, names, calendar, look.pieces)
    found: dict[tuple[str, str], Fault] = {}
    for fault in (*_gone(log, pieces, channels), *_stuck(log, reference, channels, look)):
        found.setdefault((fault.device, fault.channel), fault)
    null = learn_jumps(cut(reference, names, calendar))
    if null is None:
        return tuple(found[key] for key in sorted(found))
    steps = [
        _stepped(log, pieces, step, channels[step.channel], null.leftover(step.channel))
        for step in find_steps(pieces, null, look.nominal)
    ]
    for fault in steps:
        known = begin is not None and fault.since < begin
        if not known and not any(_together(fault, other) for other in steps):
            found.setdefault((fault.device, fault.channel), fault)
    return tuple(found[key] for key in sorted(found))


def _together(one: Fault, other: Fault) -> bool:
    """Whether two channels of a device stepped within a day: a machine that changed, not its sensors."""
    near = abs(one.since - other.since) <= pd.Timedelta(days=1)
    return one.device == other.device and one.channel != other.channel and near


def _gone(log: pd.DataFrame, pieces: Pieces, channels: Sequence[Channel]) -> list[Fault]:
    """Channels that a device which still speaks no longer measures."""
    share = pieces.share
    faults: list[Fault] = []
    if share.shape[1] < 2:
        return faults
    newest = share[:, -1]
    usual = np.array([_median(share[:, :-1, c]) for c in range(len(channels))]).T
    for device, place in zip(*np.nonzero((newest <= GONE) & (usual >= USUAL)), strict=True):
        name, channel = pieces.devices[device], channels[place]
        mine = log[log["device"] == name]
        heard = mine.loc[mine[f"{channel.name}.measured"], "time"]
        since = heard.max() + pd.Timedelta(seconds=pieces.calendar.period_s)
        sentence = (
            f"{channel.name} is gone since {since:%Y-%m-%d %H:%M}: measured in {newest[device, place]:.0%} of the "
            f"newest rows, in {usual[device, place]:.0%} before"
        )
        faults.append(Fault(name, channel.name, "dropout", since, sentence))
    return faults


def _stuck(log: pd.DataFrame, reference: pd.DataFrame, channels: Sequence[Channel], look: Look) -> list[Fault]:
    """Channels that end with one value for much longer than healthy ones ever keep one."""
    calendar = Calendar(look.period_s, look.window, 0)
    faults: list[Fault] = []
    for channel in channels:
        usual = longest_runs(reference, channel.name, calendar)
        if not len(usual):
            continue
        limit = max(STUCK_LEAST, STUCK_TIMES * float(np.quantile(usual, STUCK_SHARE)))
        if limit > look.window:  # a channel that is constant by nature
            continue
        runs = runs_at_the_end(log, channel.name)
        for device in np.flatnonzero(runs.length > limit):
            first = log.iloc[runs.first[device]]
            sentence = (
                f"{channel.name} is stuck at {first[channel.name]:.4g} {channel.unit} "
                f"since {first['time']:%Y-%m-%d %H:%M}, "
                f"for {runs.length[device]} rows (limit {limit:.0f}, from healthy devices' longest runs)"
            )
            faults.append(Fault(runs.devices[device], channel.name, "stuck", first["time"], sentence))
    return faults


def _stepped(log: pd.DataFrame, pieces: Pieces, step: Step, channel: Channel, leftover: Float) -> Fault:
    """weights `leftover`: (C,) see `JumpNull`: they take out what the other channels tell, to find the moment by."""
    name = pieces.devices[step.device]
    begin, end = pieces.start(step.piece - 3), pieces.start(step.piece + 2)
    mine = log[(log["device"] == name) & (log["time"] >= begin) & (log["time"] < end) & log[f"{channel.name}.measured"]]
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
