"""What a sensor's fault is looked for in: device histories cut into short pieces, a day of hourly rows say.

A dense table: devices x pieces x channels, NaN where a channel was measured in less than half of a piece's rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.watch.measure import Calendar
from pipelines.watch.windows import Bool, Float

SPOKE = 0.75  # share of a piece's slots in which a device must have spoken: else it was interrupted
MEASURED = 0.5  # share of the rows of a piece in which a channel must have been measured


@dataclass(frozen=True)
class Pieces:
    """devices: D names. mean, share: (D, P, C) mean of the measured values, and how many of the rows it is of.

    whole: (D, P) pieces in which the device spoke all the time. calendar: the last piece is -1.
    """

    devices: tuple[str, ...]
    channels: tuple[str, ...]
    mean: Float
    share: Float
    whole: Bool
    calendar: Calendar

    def start(self, piece: int) -> pd.Timestamp:
        """When piece number `piece` (from 0) begins."""
        return self.calendar.start(piece - self.mean.shape[1])


def cut(frame: pd.DataFrame, channels: Sequence[str], calendar: Calendar, most: int | None = None) -> Pieces:
    """Pieces of a frame sorted by device and time, with channels and `<channel>.measured`; the newest `most` pieces."""
    index = (calendar.slot(frame["time"]) - calendar.newest - 1) // calendar.window
    first = int(index.min()) if most is None else max(int(index.min()), -most)
    kept = index >= first
    codes, names = pd.factorize(frame["device"].to_numpy()[kept], sort=True)
    shape = (len(names), -first)
    place = codes.astype(np.int64) * shape[1] + index[kept] - first
    size = shape[0] * shape[1]
    marks = [frame[f"{c}.measured"].to_numpy(dtype=np.bool_)[kept] for c in channels]
    spoke = np.logical_or.reduce(marks) if marks else np.zeros(len(place), dtype=np.bool_)
    rows = np.bincount(place, weights=spoke, minlength=size)
    means, shares = [], []
    for channel, measured in zip(channels, marks, strict=True):
        values = frame[channel].to_numpy(dtype=np.float64)[kept]
        number = np.bincount(place, weights=measured, minlength=size)
        total = np.bincount(place, weights=np.where(measured, values, 0.0), minlength=size)
        share = number / np.maximum(rows, 1.0)
        means.append(np.where(share >= MEASURED, total / np.maximum(number, 1.0), np.nan))
        shares.append(np.where(rows > 0, share, np.nan))
    mean, part = (np.stack(found, axis=1).reshape(*shape, len(channels)) for found in (means, shares))
    whole = (rows >= SPOKE * calendar.window).reshape(shape)
    return Pieces(tuple(str(n) for n in names), tuple(channels), mean, part, whole, calendar)


@dataclass(frozen=True)
class Runs:
    """The newest run of one equal value of a device's channel, (D,): its length in rows, and its first row's place."""

    devices: tuple[str, ...]
    length: NDArray[np.int64]
    first: NDArray[np.int64]


def runs_at_the_end(frame: pd.DataFrame, channel: str) -> Runs:
    """For each device of a frame sorted by device and time, the run of equal measured values that it ends with."""
    place, starts = _runs(frame, channel)
    codes, names = pd.factorize(frame["device"], sort=True)
    length, first = (np.zeros(len(names), dtype=np.int64) for _ in range(2))
    if len(place):
        device = codes[place]
        last = np.append(np.flatnonzero(device[1:] != device[:-1]), len(place) - 1)
        begins = np.maximum.accumulate(np.where(starts, np.arange(len(place)), 0))[last]
        length[device[last]], first[device[last]] = last - begins + 1, place[begins]
    return Runs(tuple(str(n) for n in names), length, first)


def longest_runs(frame: pd.DataFrame, channel: str, calendar: Calendar) -> NDArray[np.int64]:
    """The longest run of one equal value in each device window that has measured values."""
    place, starts = _runs(frame, channel)
    if not len(place):
        return np.zeros(0, dtype=np.int64)
    number = np.cumsum(starts) - 1
    lengths = np.bincount(number)
    begin = place[starts]
    window = (calendar.slot(frame["time"].iloc[begin]) - calendar.newest - 1) // calendar.window
    codes = pd.factorize(frame["device"])[0][begin]
    _, where = np.unique(np.stack([codes, window]), axis=1, return_inverse=True)
    found = np.zeros(int(where.max()) + 1, dtype=np.int64)
    np.maximum.at(found, where.ravel(), lengths)
    return found


def _runs(frame: pd.DataFrame, channel: str) -> tuple[NDArray[np.int64], Bool]:
    """(n,) places of the measured rows, and whether a run of equal values begins there."""
    place = np.flatnonzero(frame[f"{channel}.measured"].to_numpy(dtype=np.bool_))
    values = frame[channel].to_numpy()[place]
    device = pd.factorize(frame["device"])[0][place]
    starts = np.ones(len(place), dtype=np.bool_)
    starts[1:] = (values[1:] != values[:-1]) | (device[1:] != device[:-1])
    return place, starts
