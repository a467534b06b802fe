"""Each statistic's own null, learnt on held-back healthy windows.

Sensors are autocorrelated, devices differ, seasons move a whole fleet: textbook thresholds would nearly always fire.
So a log's mean over devices is measured in units of what such means differ by in the reference: by the devices that
they happen to be of (less, where a device's own level is known), by chance from window to window, and by how far a
fleet moves of itself between two moments. The threshold is then the high quantile of the whole judgement (largest
over statistics of the k-th largest of m windows) over pseudo-logs: parts of the reference devices, seen at moments of
the past as a log is seen, against what was known before (`threshold`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.watch.scale import Scale, habits, learn_scale, of_devices, reference_values
from pipelines.watch.windows import Bool, DeviceWindows, Float, Group, Horizons, newest, seen

SPLITS = 24  # of the reference devices into a pseudo-log and the rest, each seen at MOMENTS moments
MOMENTS = 5
RECENT = 3  # times m windows: what lies farther back is no news, however few windows since could be judged
BOUND = 5.0  # robust sd at which one window's statistic is cut: one broken sensor is not a fleet's drift
GROUPS: tuple[Group, ...] = ("healthy", "all", "outcome")


@dataclass(frozen=True)
class Rule:
    """k of the newest m windows; null_windows: healthy device windows that a centre is taken from, at least."""

    k: int
    m: int
    nominal: float
    null_windows: int
    seed: int


@dataclass(frozen=True)
class Centre:
    """Mean of reference windows, (S,) each: the mean, its calendar index, how many devices and windows it is of."""

    mean: Float
    at: Float
    devices: Float
    windows: Float


@dataclass(frozen=True)
class Deviation:
    """How far the newest windows lie from the reference, in null sd. z: (m, S) newest first, NaN = no such window."""

    z: Float
    mean: Float  # (m, S)
    centre: Float  # (S,)
    devices: NDArray[np.int64]  # (m, S)
    column: Float  # (m, S) mean calendar index of the windows

    def evidence(self, k: int, rises_only: Bool) -> Float:
        """(S,) the k-th largest deviation to one side, the larger side; -inf where there are too few windows."""
        up = _kth(self.z, k)
        down = np.where(rises_only, -np.inf, _kth(-self.z, k))
        return np.maximum(up, down)


def bounded(reference: DeviceWindows, *others: DeviceWindows) -> list[DeviceWindows]:
    """The windows with outlying values of robust statistics cut, all at the reference's limits."""
    robust = np.array([s.robust for s in reference.statistics])
    known = np.where(reference.healthy[:, :, None], reference.values, np.nan).reshape(-1, len(robust))
    middle = _middle(known)
    floor = np.array([s.floor for s in reference.statistics])
    reach = BOUND * np.maximum(1.4826 * _middle(np.abs(known - middle)), floor)
    low, high = np.where(robust, middle - reach, -np.inf), np.where(robust, middle + reach, np.inf)
    return [replace(w, values=np.clip(w.values, low, high)) for w in (reference, *others)]


def deviation(
    log: DeviceWindows,
    end: int,
    reference: DeviceWindows,
    scale: Scale,
    rule: Rule,
    horizons: Horizons,
    known: DeviceWindows | None = None,
) -> Deviation:
    """A log seen at the end of calendar window `end` against a reference.

    known: the reference's windows, and whatever else is known of the past of the log's devices.
    """
    everyone = reference if known is None else known
    all_own = habits(everyone, scale)
    whole, own = (of_devices(all_own, everyone, side) for side in (reference, log))
    variance = scale.between * (1.0 - own.known) + scale.within
    shape = (rule.m, len(log.statistics))
    mean, where, weight, strange = (np.full(shape, np.nan) for _ in range(4))
    devices = np.zeros(shape, dtype=np.int64)
    for group in GROUPS:
        at = np.array([i for i, s in enumerate(log.statistics) if s.group == group], dtype=np.int64)
        if not len(at):
            continue
        recent = log.index > end - RECENT * rule.m
        mask, weights = seen(log, group, end, horizons) & recent, 1.0 / variance[:, at]
        found = newest(mask, log.values[:, :, at] - own.offset[:, None, at], weights, rule.m)
        mean[:, at], where[:, at], weight[:, at], devices[:, at] = found.mean, found.column, found.weight, found.devices
        unknown = np.broadcast_to((1.0 - own.known[:, None, at]), log.values[:, :, at].shape)
        strange[:, at] = newest(
            mask, np.where(np.isfinite(log.values[:, :, at]), unknown, np.nan), weights, rule.m
        ).mean
    where = where + log.first
    centre = _centre(reference, reference_values(reference) - whole.offset[:, None], where, rule.null_windows)
    chance = 1.0 / np.where(weight > 0, weight, np.nan)
    chance = chance + strange**2 * scale.between / np.maximum(centre.devices, 1.0)
    chance = chance + scale.within / np.maximum(centre.windows, 1.0)
    sd = np.sqrt(scale.moved(np.abs(where - centre.at)) + chance)
    return Deviation((mean - centre.mean) / sd, mean, centre.mean, devices, where)


def judgements(size: int, strangers: float, reference: DeviceWindows, rule: Rule, horizons: Horizons) -> Float:
    """(R,) evidence of pseudo-logs of `size` healthy devices.

    Of a pseudo-log's devices the share `strangers` is forgotten by its reference, as a log has strangers. The
    scale is learnt without the pseudo-log's devices, so that the threshold also covers what learning it costs.
    """
    rng = np.random.default_rng(rule.seed)
    rises = np.array([s.rises_only for s in reference.statistics])
    many, last = reference.values.shape[0], reference.values.shape[1] - 1
    found = []
    for inside in _parts(many, size, rng):
        everyone = np.arange(many, dtype=np.int64)
        scale = learn_scale(reference.take(np.setdiff1d(everyone, inside)))
        forgotten = rng.permutation(inside)[: round(strangers * len(inside))]
        held, rest = reference.take(inside), reference.take(np.setdiff1d(everyone, forgotten))
        for column in rng.integers(min(2 * rule.m - 1, last), last + 1, MOMENTS):
            before = _before(rest, int(column) - rule.m)
            away = deviation(held, reference.first + int(column), before, scale, rule, horizons)
            worst = float(np.max(away.evidence(rule.k, rises)))
            if np.isfinite(worst):
                found.append(max(worst, 1e-3))
    return np.array(found)


def part_size(log: DeviceWindows, reference: DeviceWindows) -> int:
    """Devices of a pseudo-log: a third of the reference, or as few as the log has."""
    return max(1, min(len(log.values), len(reference.values) // 3))


def independent(log: DeviceWindows, reference: DeviceWindows, m: int) -> int:
    """How many pseudo-logs the reference holds that share neither a device nor a time; at least three."""
    many, length = reference.values.shape[:2]
    return int(max(3, (many // part_size(log, reference)) * max(1, length // m)))


def _parts(many: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """SPLITS random parts of the devices, going round, so that each device serves as often."""
    order: list[int] = []
    for _ in range(SPLITS):
        if len(order) < size:
            order += rng.permutation([d for d in range(many) if d not in order]).tolist()
        yield np.sort(np.array(order[:size], dtype=np.int64))
        order = order[size:]


def _kth(z: Float, k: int) -> Float:
    """The k-th largest of each column; NaN counts as nothing."""
    ordered = np.sort(np.where(np.isnan(z), -np.inf, z), axis=0)[::-1]
    found: Float = ordered[k - 1]
    return found


def _centre(reference: DeviceWindows, values: Float, where: Float, least: int) -> Centre:
    """For each statistic the mean of the reference windows nearest in time to the log's, at least `least` of them.

    values: (D, W, S) less the devices' own offsets. where: (m, S) calendar index of the log's windows.
    """
    usable, some = np.isfinite(values), np.isfinite(where)
    time = np.where(some, where, 0.0).sum(axis=0) / np.maximum(some.sum(axis=0), 1)
    apart = np.abs(reference.index[:, None] - time)
    order = np.argsort(apart, axis=0, kind="stable")
    filled = np.cumsum(np.take_along_axis(usable.sum(axis=0), order, axis=0), axis=0)
    enough = np.minimum((filled < least).sum(axis=0), len(order) - 1)
    reach = np.take_along_axis(np.take_along_axis(apart, order, axis=0), enough[None], axis=0)
    chosen = usable & (apart <= reach)
    windows = chosen.sum(axis=(0, 1)).astype(np.float64)
    total = np.where(windows > 0, windows, np.nan)
    mean = np.where(chosen, values, 0.0).sum(axis=(0, 1)) / total
    at = (chosen * reference.index[None, :, None]).sum(axis=(0, 1)) / total
    return Centre(mean, at, chosen.any(axis=1).sum(axis=0).astype(np.float64), windows)


def _before(reference: DeviceWindows, column: int) -> DeviceWindows:
    """The windows up to a column; all of them where those are too few to compare with."""
    values = reference.values.copy()
    values[:, column + 1 :] = np.nan
    enough = np.isfinite(values).any(axis=2).sum() >= 2 * len(values)
    return replace(reference, values=values if enough else reference.values)


def _middle(values: Float) -> Float:
    """(S,) median of the finite ones; 0 where there are none."""
    columns = [c[np.isfinite(c)] for c in values.T]
    return np.array([np.median(c) if len(c) else 0.0 for c in columns])
