"""What a sensor's fault is looked for in: device histories cut into short pieces, a day of hourly rows say.

A dense table: devices x pieces x channels, NaN where a channel was measured in less than half of a piece's rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.watch.measure import Calendar
from pipelines.watch.windows import Bool, Float

SPOKE = 0.75  # share of a piece's slots in which a device must have spoken: else it was interrupted
MEASURED = 0.5  # share of the rows of a piece in which a channel must have been measured


@dataclass(frozen=True)
class Pieces:
    """devices: D names. total, number: (D, P, C) sum of the measured values, and how many. rows: (D, P) in which the
    device spoke. first: calendar index of piece 0; the piece that ends with the log is -1."""

    devices: tuple[str, ...]
    channels: tuple[str, ...]
    total: Float
    number: Float
    rows: Float
    first: int
    calendar: Calendar

    @cached_property
    def share(self) -> Float:
        """(D, P, C) share of the rows in which a channel was measured; NaN where the device was silent."""
        rows = self.rows[:, :, None]
        return np.where(rows > 0, self.number / np.maximum(rows, 1.0), np.nan)

    @cached_property
    def mean(self) -> Float:
        """(D, P, C) of the measured values."""
        enough = np.nan_to_num(self.share) >= MEASURED
        return np.where(enough, self.total / np.maximum(self.number, 1.0), np.nan)

    @cached_property
    def whole(self) -> Bool:
        """(D, P) pieces in which the device spoke all the time."""
        found: Bool = self.rows >= SPOKE * self.calendar.window
        return found

    def start(self, piece: int) -> pd.Timestamp:
        """When piece number `piece` (from 0) begins."""
        return self.calendar.start(piece + self.first)


def cut(frame: pd.DataFrame, channels: Sequence[str], calendar: Calendar, most: int | None = None) -> Pieces:
    """Pieces of a frame sorted by device and time, with channels and `<channel>.measured`; the newest `most` pieces."""
    index = calendar.index(frame["time"])
    first = int(index.min()) if most is None else max(int(index.min()), -most)
    kept = index >= first
    codes, names = pd.factorize(frame["device"].to_numpy(dtype=object)[kept], sort=True)
    width = max(int(index.max()) + 1 - first, 1)
    shape = (len(names), width)
    place = codes.astype(np.int64) * width + index[kept] - first
    size = shape[0] * shape[1]
    spoke = np.zeros(len(place), dtype=np.bool_)
    total, number = (np.zeros((*shape, len(channels))) for _ in range(2))
    for c, channel in enumerate(channels):
        measured = frame[f"{channel}.measured"].to_numpy(dtype=np.bool_)[kept]
        spoke |= measured
        values = np.where(measured, frame[channel].to_numpy()[kept], 0.0)
        number[:, :, c] = np.bincount(place[measured], minlength=size).reshape(shape)
        total[:, :, c] = np.bincount(place, weights=values, minlength=size).reshape(shape)
    rows = np.bincount(place[spoke], minlength=size).astype(np.float64).reshape(shape)
    return Pieces(tuple(str(n) for n in names), tuple(channels), total, number, rows, first, calendar)


def joined(parts: Sequence[Pieces]) -> Pieces:
    """All pieces on one calendar, devices sorted; what several parts have of one device's piece is added up."""
    names = sorted({name for part in parts for name in part.devices})
    places = {name: i for i, name in enumerate(names)}
    first = min(part.first for part in parts)
    width = max(part.first + part.rows.shape[1] for part in parts) - first
    channels = parts[0].channels
    total, number = (np.zeros((len(names), width, len(channels))) for _ in range(2))
    rows = np.zeros((len(names), width))
    for part in parts:
        at = np.array([places[name] for name in part.devices], dtype=np.int64)[:, None]
        where = part.first - first + np.arange(part.rows.shape[1])
        total[at, where] += part.total
        number[at, where] += part.number
        rows[at, where] += part.rows
    return replace(parts[0], devices=tuple(names), total=total, number=number, rows=rows, first=first)


@dataclass(frozen=True)
class Runs:
    """The newest run of one equal value of a device's channel, (D, C) each: its length in rows, when it began, when the
    channel was last measured (us since the epoch; where it never was, before the device's first row), and the value."""

    devices: tuple[str, ...]
    length: NDArray[np.int64]
    since: NDArray[np.int64]
    heard: NDArray[np.int64]
    value: Float


def runs_at_the_end(frame: pd.DataFrame, channels: Sequence[str]) -> Runs:
    """For each device of a frame sorted by device and time, the run of equal measured values that channels end with."""
    codes, names = pd.factorize(frame["device"].to_numpy(dtype=object), sort=True)
    ends = np.searchsorted(codes, np.arange(len(names) + 1))
    time = pd.DatetimeIndex(frame["time"]).as_unit("us").asi8
    shape = (len(names), len(channels))
    length, since = (np.zeros(shape, dtype=np.int64) for _ in range(2))
    heard = np.tile(time[ends[:-1], None] - 1, shape[1])
    value = np.full(shape, np.nan)
    for c, channel in enumerate(channels):
        values, measured = frame[channel].to_numpy(), frame[f"{channel}.measured"].to_numpy(dtype=np.bool_)
        for d in range(len(names)):
            span = slice(ends[d], ends[d + 1])
            said, when = values[span][measured[span]], time[span][measured[span]]
            if len(said):
                other = np.flatnonzero(said != said[-1])
                begin = int(other[-1]) + 1 if len(other) else 0
                length[d, c], since[d, c], heard[d, c] = len(said) - begin, when[begin], when[-1]
                value[d, c] = said[-1]
    return Runs(tuple(str(n) for n in names), length, since, heard, value)


def all_runs(parts: Sequence[Runs]) -> Runs:
    """The runs of all parts' devices, sorted."""
    names = [name for part in parts for name in part.devices]
    order = sorted(range(len(names)), key=names.__getitem__)
    told = (np.concatenate([getattr(part, f) for part in parts])[order] for f in ("length", "since", "heard", "value"))
    return Runs(tuple(names[i] for i in order), *told)


def longest_runs(frame: pd.DataFrame, channel: str, calendar: Calendar) -> NDArray[np.int64]:
    """The longest run of one equal value in each device window that has measured values."""
    place = np.flatnonzero(frame[f"{channel}.measured"].to_numpy(dtype=np.bool_))
    if not len(place):
        return np.zeros(0, dtype=np.int64)
    values = frame[channel].to_numpy()[place]
    device = pd.factorize(frame["device"].to_numpy(dtype=object))[0][place]
    starts = np.ones(len(place), dtype=np.bool_)
    starts[1:] = (values[1:] != values[:-1]) | (device[1:] != device[:-1])
    begin = place[starts]
    lengths = np.bincount(np.cumsum(starts) - 1)
    window = calendar.index(frame["time"].iloc[begin])
    where = np.unique(device[starts] * (int(np.ptp(window)) + 1) + window, return_inverse=True)[1]
    found = np.zeros(int(where.max()) + 1, dtype=np.int64)
    np.maximum.at(found, where, lengths)
    return found
