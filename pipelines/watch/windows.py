"""What watch compares: statistics of device windows, on a calendar that counts windows back from the newest row.

A dense table: devices x calendar windows x statistics, NaN where a device has nothing (or too little) to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

Group = Literal["healthy", "all", "outcome"]
"""Which windows a statistic is taken over: those that nobody could know to be unhealthy; all; those whose outcome
is known."""


@dataclass(frozen=True)
class Statistic:
    """One number a device window. rises_only: only an increase is drift. robust: outlying windows are bounded."""

    name: str  # pressure.level
    about: Literal["input", "prediction", "residual"]
    group: Group
    rises_only: bool = False
    robust: bool = False
    floor: float = 1e-9  # a smaller spread than this between devices is not believed


@dataclass(frozen=True)
class DeviceWindows:
    """devices: D names. values: (D, W, S). first: calendar index of column 0.

    quiet: (D, W) the model asked for nothing. healthy: (D, W) known with hindsight to be healthy. failure: (D, W)
    windows from the window's start to the device's next failure, inf = none known. A window is [i, i + 1).
    """

    devices: tuple[str, ...]
    statistics: tuple[Statistic, ...]
    values: Float
    first: int
    quiet: Bool
    healthy: Bool
    failure: Float

    @property
    def index(self) -> NDArray[np.int64]:
        """(W,) calendar indices."""
        return self.first + np.arange(self.values.shape[1], dtype=np.int64)

    def take(self, devices: NDArray[np.int64]) -> DeviceWindows:
        """The same of some devices."""
        return replace(
            self,
            devices=tuple(self.devices[d] for d in devices),
            values=self.values[devices],
            quiet=self.quiet[devices],
            healthy=self.healthy[devices],
            failure=self.failure[devices],
        )


def together(*parts: DeviceWindows) -> DeviceWindows:
    """The windows of all parts on one calendar; of a device that several have, those of the first that has it."""
    known: set[str] = set()
    apart = []
    for part in parts:
        apart.append(part.take(np.array([i for i, d in enumerate(part.devices) if d not in known], dtype=np.int64)))
        known |= set(part.devices)
    begin = min(w.first for w in apart)
    width = max(w.first + w.values.shape[1] for w in apart) - begin

    def joined(name: str, empty: float | bool) -> NDArray[Any]:
        told = [getattr(part, name) for part in apart]
        found = np.full((sum(map(len, told)), width, *told[0].shape[2:]), empty, dtype=told[0].dtype)
        row = 0
        for part, values in zip(apart, told, strict=True):
            found[row : row + len(values), part.first - begin : part.first - begin + values.shape[1]] = values
            row += len(values)
        return found

    return DeviceWindows(
        tuple(name for part in apart for name in part.devices),
        apart[0].statistics,
        joined("values", np.nan),
        begin,
        quiet=joined("quiet", False),
        healthy=joined("healthy", False),
        failure=joined("failure", np.inf),
    )


def in_order(windows: DeviceWindows) -> DeviceWindows:
    """The same, devices sorted."""
    return windows.take(np.array(sorted(range(len(windows.devices)), key=windows.devices.__getitem__), dtype=np.int64))


@dataclass(frozen=True)
class Horizons:
    """How far outcomes reach, in windows. beyond: nearer to a failure a window is unhealthy. outcome: after so long
    it is known whether there was one."""

    beyond: float
    outcome: float


def seen(windows: DeviceWindows, group: Group, end: int, horizons: Horizons) -> Bool:
    """(D, W) the windows of a group as one who stands at the end of calendar window `end` can tell them.

    Nobody knows then which machines are about to fail. So the healthy ones are those that the model left in
    peace and that no failure known by then has given the lie; a log and its reference are cut by the same rule, and
    what unhealthy windows it lets pass it lets pass on both sides.
    """
    known = windows.index[None, :] <= end
    if group == "all":
        return known & np.ones(windows.quiet.shape, dtype=np.bool_)
    if group == "outcome":
        return known & (windows.index[None, :] + 1 + horizons.outcome <= end + 1) & np.ones_like(windows.quiet)
    fails = windows.index[None, :] + windows.failure
    given_away = (fails <= end + 1) & (windows.failure - 1 <= horizons.beyond)
    return known & windows.quiet & ~given_away


@dataclass(frozen=True)
class Newest:
    """Device windows averaged rank by rank, (most, S) each: weighted mean, mean calendar column, number of devices and
    sum of their weights; NaN, NaN, 0 and 0 where no device has that many windows."""

    mean: Float
    column: Float
    devices: NDArray[np.int64]
    weight: Float


def newest(mask: Bool, values: Float, weights: Float, most: int) -> Newest:
    """Each device's newest `most` windows of the mask that hold values, averaged over devices rank by rank.

    mask: (D, W). values: (D, W, S). weights: (D, S).
    """
    usable = mask[:, :, None] & np.isfinite(values)
    back = np.cumsum(usable[:, ::-1], axis=1)[:, ::-1]
    columns = np.arange(values.shape[1], dtype=np.float64)[None, :, None]
    filled = np.where(usable, values, 0.0)
    shape = (most, values.shape[2])
    mean, column, weight = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    count = np.zeros(shape, dtype=np.int64)
    for rank in range(most):
        chosen = usable & (back == rank + 1)
        weighing = chosen * weights[:, None, :]
        count[rank], weight[rank] = chosen.sum(axis=(0, 1)), weighing.sum(axis=(0, 1))
        total = np.where(count[rank] > 0, weight[rank], np.nan)
        mean[rank] = (weighing * filled).sum(axis=(0, 1)) / total
        column[rank] = (weighing * columns).sum(axis=(0, 1)) / total
    return Newest(mean, column, count, weight)
