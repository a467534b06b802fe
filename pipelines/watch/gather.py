"""One pass over a side's frames, and what is kept of it: numbers a device window, never rows (but for a sample)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.spec import Channel
from pipelines.tasks import TaskSpec
from pipelines.watch.answers import Answers, all_answers, answers_in
from pipelines.watch.cohorts import Cohort
from pipelines.watch.frames import Frames
from pipelines.watch.measure import Calendar, measure
from pipelines.watch.pieces import Pieces, Runs, all_runs, cut, joined, longest_runs, runs_at_the_end
from pipelines.watch.sensors import Look, SensorNull, learn_sensors
from pipelines.watch.weekly import Weekly, usual_of
from pipelines.watch.windows import DeviceWindows, Float, in_order, together

KNOWN_ROWS = 100_000  # of the reference, from which its range is taken
TAIL = 0.001  # share of them left out at either end
SEED = 0  # of samples: the same log is judged the same twice


@dataclass(frozen=True)
class Ask:
    """How frames are looked at. shown: rows a side that the preset is shown."""

    channels: tuple[Channel, ...]
    task: TaskSpec
    calendar: Calendar
    look: Look
    shown: int
    weekly: Weekly

    @property
    def names(self) -> tuple[str, ...]:
        """Of the channels."""
        return tuple(c.name for c in self.channels)

    @property
    def pieces(self) -> Calendar:
        """The calendar of pieces."""
        return replace(self.calendar, window=self.look.piece)


@dataclass(frozen=True)
class Known:
    """What is kept of the reference. low, high: (C,) the range that the model has learnt from."""

    windows: DeviceWindows
    sensors: SensorNull
    answers: Answers
    low: Float
    high: Float
    shown: pd.DataFrame


@dataclass(frozen=True)
class Seen:
    """What is kept of a log. measured, outside: (D, C) newest values of a device, and those beyond the known range."""

    windows: DeviceWindows
    pieces: Pieces
    runs: Runs
    answers: Answers
    measured: NDArray[np.int64]
    outside: NDArray[np.int64]
    shown: pd.DataFrame

    def but(self, other: Seen) -> Seen:
        """The same with what another pass saw of some devices in the place of what this one did."""
        windows = in_order(together(other.windows, self.windows))
        at = np.array([self.windows.devices.index(name) for name in other.windows.devices], dtype=np.int64)
        measured, outside = self.measured.copy(), self.outside.copy()
        measured[at], outside[at] = other.measured, other.outside
        answers = all_answers([self.answers.without(other.windows.devices), other.answers])
        return replace(self, windows=windows, measured=measured, outside=outside, answers=answers)

    def unseen(self, cohort: Cohort, channel: str) -> float:
        """Of a cohort's newest measured values of a channel, the share that lies outside the known range."""
        place, members = self.pieces.channels.index(channel), set(cohort.devices)
        at = [i for i, name in enumerate(self.windows.devices) if name in members]
        return float(self.outside[at, place].sum() / max(self.measured[at, place].sum(), 1))


def know(reference: Frames, ask: Ask) -> Known:
    """A pass over the reference."""
    parts, usual = [], usual_of(ask.weekly, held_back=True)
    many = max(len(reference.devices), 1)
    for number, frame in enumerate(reference):
        parts.append(
            (
                measure(frame, ask.channels, ask.task, ask.calendar, usual),
                cut(frame, ask.names, ask.pieces),
                [longest_runs(frame, name, ask.calendar) for name in ask.names],
                answers_in(frame, ask.calendar),
                sample(frame, ask.names, max(1, KNOWN_ROWS // many), (SEED, number), measured=True),
                sample(frame[frame["healthy"]], (*ask.names, "score"), ask.shown // many, (SEED, number)),
            )
        )
    windows, pieces, runs, answers, rows, fine = (list(told) for told in zip(*parts, strict=True))
    sensors = learn_sensors(joined(pieces), list(zip(*runs, strict=True)), ask.look)
    low, high = _range(pd.concat(rows, ignore_index=True))
    shown = pd.concat(fine, ignore_index=True)
    return Known(in_order(together(*windows)), sensors, all_answers(answers), low, high, shown)


def see(log: Iterable[pd.DataFrame], ask: Ask, known: Known, many: int) -> Seen | None:
    """A pass over a log, or over some of its frames; None where it is empty. many: devices of the log."""
    newest, usual = ask.look.m * ask.look.window, usual_of(ask.weekly, held_back=False)
    parts = []
    for number, frame in enumerate(log):
        tail = frame.groupby("device", sort=False).tail(newest)
        calm = tail[~tail["acts"].to_numpy(dtype=np.bool_)]
        parts.append(
            Seen(
                measure(frame, ask.channels, ask.task, ask.calendar, usual),
                cut(frame, ask.names, ask.pieces, ask.look.pieces),
                runs_at_the_end(frame, ask.names),
                answers_in(frame, ask.calendar),
                *_outside(tail, ask.names, known),
                sample(calm, (*ask.names, "score"), ask.shown // max(many, 1), (SEED, number)),
            )
        )
    return _all_seen(parts) if parts else None


def remember(past: Frames, ask: Ask) -> tuple[DeviceWindows, Pieces] | None:
    """A pass over the past of a log's devices; None where there is none."""
    usual = usual_of(ask.weekly, held_back=False)
    windows, pieces = [], []
    for frame in past:
        windows.append(measure(frame, ask.channels, ask.task, ask.calendar, usual))
        pieces.append(cut(frame, ask.names, ask.pieces, ask.look.pieces))
    return (in_order(together(*windows)), joined(pieces)) if windows else None


def sample(
    frame: pd.DataFrame, columns: Sequence[str], each: int, seed: tuple[int, ...], measured: bool = False
) -> pd.DataFrame:
    """`each` rows of every device; the same seed takes the same rows. measured: NaN where a channel was not."""
    order = np.random.default_rng(seed).permutation(len(frame))
    taken = frame.iloc[order].groupby("device", sort=True).head(each).sort_index()
    found: pd.DataFrame = taken[list(columns)].reset_index(drop=True)
    if measured:
        found = found.where(taken[[f"{name}.measured" for name in columns]].to_numpy(dtype=np.bool_))
    return found


def _all_seen(parts: Sequence[Seen]) -> Seen:
    names = [name for part in parts for name in part.windows.devices]
    order = sorted(range(len(names)), key=names.__getitem__)
    return Seen(
        in_order(together(*(part.windows for part in parts))),
        joined([part.pieces for part in parts]),
        all_runs([part.runs for part in parts]),
        all_answers([part.answers for part in parts]),
        np.concatenate([part.measured for part in parts])[order],
        np.concatenate([part.outside for part in parts])[order],
        pd.concat([part.shown for part in parts], ignore_index=True),
    )


def _outside(tail: pd.DataFrame, names: Sequence[str], known: Known) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(D, C) measured values of the newest rows, and those beyond the known range."""
    codes, devices = pd.factorize(tail["device"].to_numpy(dtype=object), sort=True)
    measured, outside = (np.zeros((len(devices), len(names)), dtype=np.int64) for _ in range(2))
    for place, name in enumerate(names):
        there = tail[f"{name}.measured"].to_numpy(dtype=np.bool_)
        values = tail[name].to_numpy()[there]
        beyond = (values < known.low[place]) | (values > known.high[place])
        measured[:, place] = np.bincount(codes[there], minlength=len(devices))
        outside[:, place] = np.bincount(codes[there][beyond], minlength=len(devices))
    return measured, outside


def _range(rows: pd.DataFrame) -> tuple[Float, Float]:
    """(C,) the range of the sampled values; all of it where a channel was never measured."""
    low, high = (np.full(rows.shape[1], end) for end in (-np.inf, np.inf))
    for place, name in enumerate(rows):
        values = rows[name].to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            low[place], high[place] = np.quantile(values, [TAIL, 1 - TAIL])
    return low, high
