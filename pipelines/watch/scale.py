"""How much healthy windows differ of themselves: between devices, from window to window, and of the whole fleet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.watch.windows import DeviceWindows, Float

LAGS = 6  # windows that the variogram reaches


@dataclass(frozen=True)
class Scale:
    """Variances, (S,) each: `between` devices for good, `within` a device from window to window; and moves: (3, S), the
    variogram c0 + c1 lag + c2 lag^2 of the whole fleet."""

    between: Float
    within: Float
    moves: Float

    def moved(self, lag: Float) -> Float:
        """Variance of a move of the whole fleet over a lag (windows)."""
        found: Float = self.moves[0] + self.moves[1] * lag + self.moves[2] * lag**2
        return found


@dataclass(frozen=True)
class Habits:
    """What is known of devices' own levels from their reference windows, (D, S) each: `offset` from the fleet, drawn
    towards 0 as far as it is uncertain, and `known`, from 0 (a stranger) to 1."""

    offset: Float
    known: Float


def reference_values(reference: DeviceWindows) -> Float:
    """(D, W, S) values of the windows that count: healthy ones, for statistics that want healthy ones."""
    healthy = np.array([s.group == "healthy" for s in reference.statistics])
    return np.where(~healthy | reference.healthy[:, :, None], reference.values, np.nan)


def learn_scale(reference: DeviceWindows) -> Scale:
    """Variance components of the reference."""
    values = reference_values(reference)
    floors = np.array([s.floor for s in reference.statistics]) ** 2
    own, windows, within = _own_levels(values)
    devices = windows > 0
    number = np.maximum(devices.sum(axis=0), 1)
    spread = np.where(devices, own**2, 0.0).sum(axis=0) / np.maximum(number - 1, 1)
    chance = np.where(devices, within / np.maximum(windows, 1), 0.0).sum(axis=0) / number
    between, within = np.maximum(spread - chance, 0.0), np.maximum(within, floors)
    known = between / (between + within / np.maximum(windows, 1))
    level = values - (known * own)[:, None]
    moves = np.stack([_variogram(level[:, :, s], within[s]) for s in range(values.shape[2])], axis=1)
    return Scale(between, within, moves)


def habits(reference: DeviceWindows, scale: Scale) -> Habits:
    """Each reference device's own level: the best guess of a random effect, given its windows."""
    own, windows, _ = _own_levels(reference_values(reference))
    known = scale.between / (scale.between + scale.within / np.maximum(windows, 1))
    known = np.where(windows > 0, known, 0.0)
    return Habits(known * own, known)


def of_devices(found: Habits, reference: DeviceWindows, log: DeviceWindows) -> Habits:
    """The habits of a log's devices; those that the reference has not seen are strangers."""
    places = {name: i for i, name in enumerate(reference.devices)}
    rows = np.array([places.get(name, -1) for name in log.devices], dtype=np.int64)
    seen = (rows >= 0)[:, None]
    return Habits(np.where(seen, found.offset[rows], 0.0), np.where(seen, found.known[rows], 0.0))


def _own_levels(values: Float) -> tuple[Float, Float, Float]:
    """(D, S) mean of each device's windows less the calendar's means, (D, S) how many, (S,) variance within a device.

    Where a calendar window has one device alone, the overall mean is taken off instead.
    """
    usable = np.isfinite(values)
    present = usable.sum(axis=0)
    calendar = np.where(usable, values, 0.0).sum(axis=0) / np.maximum(present, 1)
    overall = np.where(usable, values, 0.0).sum(axis=(0, 1)) / np.maximum(usable.sum(axis=(0, 1)), 1)
    rest = np.where(usable, values - np.where(present < 2, overall, calendar), 0.0)
    windows = usable.sum(axis=1).astype(np.float64)
    own = rest.sum(axis=1) / np.maximum(windows, 1)
    squares = np.where(usable, (rest - own[:, None]) ** 2, 0.0).sum(axis=(0, 1))
    free = usable.sum(axis=(0, 1)) - (windows > 0).sum(axis=0)
    return own, windows, squares / np.maximum(free, 1)


def _variogram(values: Float, within: float) -> Float:
    """c0, c1, c2 >= 0 of the squared move of the whole fleet over a lag, c0 + c1 lag + c2 lag^2.

    values: (D, W) less the devices' own offsets. A move is that of the mean over whatever devices are there: of the
    same devices at both ends it would be that of ageing, for who fails in between drops out. What chance from window
    to window (variance `within`) adds to its square is taken off.
    """
    from scipy.optimize import nnls

    usable = np.isfinite(values)
    count = usable.sum(axis=0)
    fleet = np.where(usable, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    chance = within / np.maximum(count, 1)
    lags, squares, weights = [], [], []
    for lag in range(1, min(LAGS, values.shape[1] - 1) + 1):
        both = (count[lag:] >= 2) & (count[:-lag] >= 2)
        if both.any():
            square = (fleet[lag:] - fleet[:-lag]) ** 2 - chance[lag:] - chance[:-lag]
            lags.append(float(lag))
            squares.append(float(square[both].mean()))
            weights.append(float(both.sum()))
    if not lags:
        return np.zeros(3)
    at, weight = np.array(lags), np.sqrt(np.array(weights))
    design = np.stack([np.ones_like(at), at, at**2], axis=1)
    found: Float = nnls(design * weight[:, None], np.array(squares) * weight)[0]
    return found
