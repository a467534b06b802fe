"""Rows, decisions and outcomes of devices → statistics of device windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.spec import Channel
from pipelines.tasks import TaskSpec
from pipelines.watch.windows import Bool, DeviceWindows, Float, Statistic

ENOUGH = 0.5  # share of a window's rows below which it says nothing
FLOOR = 1e-3  # smallest spread between devices that is believed, as a share of what the statistic ranges over
ODDS = 1e-4  # probabilities are cut here before their log-odds are averaged


Usual = Callable[[pd.DataFrame, str], Float | float]
"""Of a frame's rows: what is usual of a channel or of the score at their moments, off its mean; 0 where nothing is."""


@dataclass(frozen=True)
class Calendar:
    """Windows of `window` periods counted back from the newest row, whose slot is `newest`; the newest is -1."""

    period_s: float
    window: int
    newest: int

    def slot(self, times: pd.Series[pd.Timestamp]) -> NDArray[np.int64]:
        """Periods since the epoch."""
        return slots(pd.DatetimeIndex(times).as_unit("us").asi8, self.period_s)

    def index(self, times: pd.Series[pd.Timestamp]) -> NDArray[np.int64]:
        """The windows that hold these moments; those after the newest row count from 0."""
        found: NDArray[np.int64] = (self.slot(times) - self.newest - 1) // self.window
        return found

    def start(self, index: int) -> pd.Timestamp:
        """When a window begins."""
        return pd.Timestamp((self.newest + 1 + index * self.window) * self.period_s, unit="s", tz="UTC")


def slots(microseconds: NDArray[np.int64], period_s: float) -> NDArray[np.int64]:
    """Whole periods since the epoch."""
    found: NDArray[np.int64] = microseconds // round(period_s * 1e6)
    return found


def statistics_of(channels: tuple[Channel, ...], task: TaskSpec) -> tuple[Statistic, ...]:
    """What is watched: level and spread of each channel, silence, scores, alarms, and errors where outcomes are known.

    Inputs and scores are taken over windows that look healthy: a machine that fails moves them, and how many fail in
    a month is chance. That more machines look ill is what `alarms` is for.
    """
    binary = task.objective == "binary"
    low, high = task.bounds
    span = 1.0 if binary or low is None or high is None else high - low
    found = [Statistic(f"{c.name}.level", "input", "healthy", False, True, FLOOR * (c.max - c.min)) for c in channels]
    found += [Statistic(f"{c.name}.spread", "input", "healthy", False, True, 0.05) for c in channels]
    found.append(Statistic("missing", "input", "all", True, False, 0.01))
    found.append(Statistic("score", "prediction", "healthy", False, True, 0.1 if binary else 0.02 * span))
    found.append(Statistic("alarms", "prediction", "all", False, False, 0.01))
    found.append(Statistic("loss", "residual", "outcome", True, False, 0.01 * span))
    return (*found, Statistic("bias", "residual", "outcome", False, False, 0.01)) if binary else tuple(found)


def measure(
    frame: pd.DataFrame,
    channels: tuple[Channel, ...],
    task: TaskSpec,
    calendar: Calendar,
    usual: Usual | None = None,
) -> DeviceWindows:
    """The statistics of every device window. usual: what is taken off each value first, where its course is known.

    frame: sorted by device and time; device, time, channels and `<channel>.measured` as in the grid, `<channel>.masked`
    where one is (see `masked`), score (NaN where nobody answered), acts (bool), target (NaN = unknown), life (periods,
    inf = no failure known), healthy (bool).
    """
    slot, index = calendar.slot(frame["time"]), calendar.index(frame["time"])
    first = int(index.min())
    width = int(index.max()) + 1 - first
    codes, names = pd.factorize(frame["device"].to_numpy(dtype=object), sort=True)
    cells = _Cells(codes.astype(np.int64) * width + (index - first), (len(names), width))
    rows = cells.count(np.ones(len(frame), dtype=np.bool_))
    full = rows >= ENOUGH * calendar.window
    statistics = statistics_of(channels, task)
    columns = _inputs(frame, channels, cells, usual) | _answers(frame, task, cells, usual)
    values = np.stack([np.where(full, columns[s.name], np.nan) for s in statistics], axis=2)
    return DeviceWindows(
        tuple(str(name) for name in names),
        statistics,
        values,
        first,
        quiet=full & (cells.count(frame["acts"].to_numpy(dtype=np.bool_)) == 0),
        healthy=full & (cells.count(~frame["healthy"].to_numpy(dtype=np.bool_)) == 0),
        failure=_failures(frame, slot, cells, calendar, first),
    )


@dataclass(frozen=True)
class _Cells:
    """place: (n,) each row's device window, flat; shape: (devices, windows)."""

    place: NDArray[np.int64]
    shape: tuple[int, int]

    def total(self, values: Float) -> Float:
        summed: Float = np.bincount(self.place, weights=values, minlength=self.shape[0] * self.shape[1]).astype(
            np.float64
        )
        return summed.reshape(self.shape)

    def count(self, mask: Bool) -> Float:
        return self.total(mask.astype(np.float64))

    def mean(self, values: Float, mask: Bool, least: float = 1.0) -> Float:
        """Means over the rows of the mask; NaN where they are fewer than `least`."""
        number = self.count(mask)
        summed = self.total(np.where(mask, values, 0.0))
        return np.where(number >= least, summed / np.maximum(number, 1.0), np.nan)


def _inputs(frame: pd.DataFrame, channels: tuple[Channel, ...], cells: _Cells, usual: Usual | None) -> dict[str, Float]:
    found: dict[str, Float] = {}
    silent, due = np.zeros(len(frame)), np.zeros(len(frame))
    for channel in channels:
        measured = frame[f"{channel.name}.measured"].to_numpy(dtype=np.bool_)
        values = _less(frame, channel.name, frame[channel.name].to_numpy(dtype=np.float64), usual)
        level = cells.mean(values, measured, 2.0)
        away = values - level.ravel()[cells.place]
        spread = np.sqrt(cells.mean(away**2, measured, 2.0))
        found[f"{channel.name}.level"] = level
        found[f"{channel.name}.spread"] = np.log(np.maximum(spread, FLOOR * (channel.max - channel.min)))
        awaited = ~_masked(frame, channel)
        silent += ~measured & awaited
        due += awaited
    found["missing"] = cells.mean(silent / np.maximum(due, 1.0), due > 0)
    return found


def _masked(frame: pd.DataFrame, channel: Channel) -> Bool:
    name = f"{channel.name}.masked"
    return frame[name].to_numpy(dtype=np.bool_) if name in frame else np.zeros(len(frame), dtype=np.bool_)


def _answers(frame: pd.DataFrame, task: TaskSpec, cells: _Cells, usual: Usual | None) -> dict[str, Float]:
    shown, error = answers_of(frame, task)
    answered, settled = np.isfinite(shown), np.isfinite(error)
    loss = error**2 if task.objective == "binary" else np.abs(error)
    return {
        "score": cells.mean(_less(frame, "score", shown, usual), answered),
        "alarms": cells.mean(frame["acts"].to_numpy(dtype=np.float64), answered),
        "loss": cells.mean(loss, settled),
        "bias": cells.mean(-error, settled),  # above 0: more failures than foretold
    }


def answers_of(frame: pd.DataFrame, task: TaskSpec) -> tuple[Float, Float]:
    """(n,) the score as it is averaged (log-odds of a probability), NaN = no answer; and score less target, NaN where
    the outcome is not known."""
    score, target = (frame[name].to_numpy(dtype=np.float64) for name in ("score", "target"))
    cut = np.clip(score, ODDS, 1 - ODDS)
    return np.log(cut / (1 - cut)) if task.objective == "binary" else score, score - target


def _less(frame: pd.DataFrame, name: str, values: Float, usual: Usual | None) -> Float:
    return values if usual is None else values - usual(frame, name)


def _failures(frame: pd.DataFrame, slot: NDArray[np.int64], cells: _Cells, calendar: Calendar, first: int) -> Float:
    """(D, W) windows from the window's start to its first row's next failure."""
    fails = slot + frame["life"].to_numpy(dtype=np.float64)
    flat = np.full(cells.shape[0] * cells.shape[1], np.inf)
    np.minimum.at(flat, cells.place, fails)
    start = calendar.newest + 1 + (first + np.arange(cells.shape[1])) * calendar.window
    found: Float = (flat.reshape(cells.shape) - start) / calendar.window
    return found
