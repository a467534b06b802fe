"""Steps of one channel that the device's other channels do not share: what an offset or a swapped unit looks like.

A jump is the difference of two pieces' mean to that of the two before, with one piece between them in which a step
may lie, less what the devices beside it did then: the weather is not a device's. Of its channels one
alone may be wrong: for each the part that the others do not explain is measured in sd
of what such parts are in the reference, and what remains without it must be no jump at all. A machine that changes
moves several channels; load, weekends and seasons move them together, which the reference's covariance knows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.watch.pieces import Pieces
from pipelines.watch.windows import Float

BESIDE = 5  # devices whose median jump is taken to be everybody's
LEAST = 40  # jumps of the reference without which there is no null
CLIP = 4.0  # robust sd at which the reference's own jumps are cut: it has broken sensors too
RIDGE = 0.02  # of the correlations: no channel is believed to be wholly told by the others
REST = 0.95  # share of the reference's jumps that a jump's rest must not exceed
BARELY = 0.1  # nor this share of the step's own square: beside a huge step a worn machine's unrest is no jump
TAIL, NORMAL = 0.95, 1.96  # the share of own parts by which the tail is told, and a normal one's sd there
TREND = 0.35  # a step is none where the jump before or after it is as large as this share of it
HALF = 0.5  # of the limit: a step that large counts where others of its cohort have a whole one
BACK = 0.5  # and none where by now the channel is back to less than this share of it


@dataclass(frozen=True)
class JumpNull:
    """What healthy devices' jumps are like. sd: (C,) of a jump, NaN = a channel that never moves. correlation: (C, C).

    tail: (C,) how much heavier than a normal one the tail of a channel's own part is, where it comes alone and at once.
    rest: limit of what remains.
    """

    sd: Float
    correlation: Float
    tail: Float
    rest: Float  # (C + 1,) by the number of channels that remain

    def leftover(self, channel: int) -> Float:
        """(C,) weights that leave of all channels' values what the others do not tell of one, in its units."""
        usable = np.flatnonzero(np.isfinite(self.sd))
        inverse = np.linalg.inv(self.correlation[np.ix_(usable, usable)])
        at = int(np.flatnonzero(usable == channel)[0])
        found = np.zeros(len(self.sd))
        found[usable] = inverse[at] / inverse[at, at] * self.sd[channel] / self.sd[usable]
        return found


@dataclass(frozen=True)
class Step:
    """device, channel: by number. piece: the first wholly after the step. size: in units. z: sd; limit: of z."""

    device: int
    channel: int
    piece: int
    size: float
    z: float
    limit: float


def learn_jumps(reference: Pieces) -> JumpNull | None:
    """The null of jumps; None where the reference is too short."""
    jumps, _ = _jumps(reference)
    flat = jumps.reshape(-1, jumps.shape[2])
    number = np.isfinite(flat).sum(axis=0)
    if not len(flat) or number.max(initial=0) < LEAST:
        return None
    sd = np.array([_robust_sd(column) for column in flat.T])
    sd = np.where((number >= LEAST) & (sd > 1e-9), sd, np.nan)
    scaled = np.clip(np.nan_to_num(flat / sd), -CLIP, CLIP)
    scaled = scaled[np.isfinite(flat).any(axis=1)]
    spread = np.sqrt(np.maximum((scaled**2).mean(axis=0), 1e-12))
    correlation = (scaled.T @ scaled) / len(scaled) / np.outer(spread, spread)
    correlation = (1 - RIDGE) * correlation + RIDGE * np.eye(len(sd))
    draft = JumpNull(sd, correlation, np.ones(len(sd)), np.full(len(sd) + 1, np.inf))
    own, rest, left = _parts(jumps, draft)
    limits = np.array([_quantile(rest[(left == n) & np.isfinite(rest)], REST) for n in range(len(sd) + 1)])
    alike = np.where((rest <= limits[left]) & _abrupt(own), np.abs(own), np.nan)
    tail = [max(1.0, _quantile(c[np.isfinite(c)], TAIL) / NORMAL) for c in alike.reshape(-1, len(sd)).T]
    return JumpNull(sd, correlation, np.where(np.isfinite(tail), tail, 1.0), limits)


def find_steps(pieces: Pieces, null: JumpNull, nominal: float) -> tuple[Step, ...]:
    """The largest step of each device's channel that still holds, from HALF the limit on.

    One healthy look in 1 / nominal has one beyond the limit. Not looked at: what lies across an interruption, for
    machines are repaired then, and a channel's jump at a moment at which the whole fleet's median jumps.
    """
    from scipy import stats

    jumps, everybody = _jumps(pieces)
    own, rest, left = _parts(jumps, null)
    looks = max(int(np.isfinite(own).sum()), 1)
    limit = stats.norm.isf(nominal / (2 * looks)) * null.tail
    theirs = np.abs(everybody / null.sd) <= HALF * limit
    calm = rest <= np.maximum(null.rest[left], BARELY * own**2)
    alone = (np.abs(own) > HALF * limit) & calm & _abrupt(own) & theirs
    found = []
    size = own * _own_sd(jumps, null)
    for device, channel in zip(*np.nonzero(alone.any(axis=1)), strict=True):
        z, sizes = own[device, :, channel], size[device, :, channel]
        order = [p for p in np.argsort(-np.abs(z), kind="stable") if alone[device, p, channel]]
        for piece in order:
            if _holds(pieces, null, int(device), int(channel), int(piece), sizes[piece]):
                told = (float(sizes[piece]), float(abs(z[piece])), float(limit[channel]))
                step = (int(device), int(channel), int(piece), *told)
                found.append(Step(*step))
                break
    return tuple(found)


def _jumps(pieces: Pieces) -> tuple[Float, Float]:
    """(D, P, C) mean of pieces p and p + 1 less that of p - 3 and p - 2, less what everybody's jump was; NaN where the
    device was interrupted. (P, C) everybody's: the median, 0 where too few devices stand beside each other."""
    mean = pieces.mean
    found, everybody = np.full(mean.shape, np.nan), np.zeros(mean.shape[1:])
    if mean.shape[1] < 5:
        return found, everybody
    whole = pieces.whole
    calm = whole[:, :-4] & whole[:, 1:-3] & whole[:, 2:-2] & whole[:, 3:-1] & whole[:, 4:]
    before, after = (mean[:, :-4] + mean[:, 1:-3]) / 2, (mean[:, 3:-1] + mean[:, 4:]) / 2
    moved = np.where(calm[:, :, None], after - before, np.nan)
    many = np.isfinite(moved).sum(axis=0) >= BESIDE
    everybody[3:-1][many] = np.nanmedian(moved[:, many], axis=0)
    found[:, 3:-1] = moved - everybody[3:-1]
    return found, everybody


def _parts(jumps: Float, null: JumpNull) -> tuple[Float, Float, NDArray[np.int64]]:
    """(D, P, C) each: a channel's own part in sd, the squared rest without it, and how many channels the rest is of.

    A jump with channels missing is judged by those that are there.
    """
    scaled = jumps / null.sd
    there = np.isfinite(scaled)
    own, rest = np.full(jumps.shape, np.nan), np.full(jumps.shape, np.inf)
    left = np.zeros(jumps.shape, dtype=np.int64)
    bits = np.packbits(there.reshape(-1, there.shape[2]), axis=1)
    _, first, which = np.unique(bits.view(f"V{bits.shape[1]}"), return_index=True, return_inverse=True)
    patterns = there.reshape(-1, there.shape[2])[first]
    flat, which = scaled.reshape(-1, scaled.shape[2]), which.ravel()
    for number, pattern in enumerate(patterns):
        rows, at = np.flatnonzero(which == number), np.flatnonzero(pattern)
        if not len(at):
            continue
        inverse = np.linalg.inv(null.correlation[np.ix_(at, at)])
        weighed = flat[np.ix_(rows, at)] @ inverse
        part = weighed / np.sqrt(np.diag(inverse))
        whole = (weighed * flat[np.ix_(rows, at)]).sum(axis=1, keepdims=True)
        spot = np.unravel_index(rows, jumps.shape[:2])
        own[spot[0][:, None], spot[1][:, None], at] = part
        rest[spot[0][:, None], spot[1][:, None], at] = whole - part**2
        left[spot[0][:, None], spot[1][:, None], at] = len(at) - 1
    return own, rest, left


def _own_sd(jumps: Float, null: JumpNull) -> Float:
    """(C,) sd of a channel's own part, in units, where all channels are there."""
    usable = np.flatnonzero(np.isfinite(null.sd))
    found = np.full(jumps.shape[2], np.nan)
    inverse = np.linalg.inv(null.correlation[np.ix_(usable, usable)])
    found[usable] = null.sd[usable] / np.sqrt(np.diag(inverse))
    return found


def _abrupt(own: Float) -> NDArray[np.bool_]:
    """(D, P, C) whether a jump stands alone: neither the one before it nor the one after it goes on as it does."""
    size = np.abs(np.nan_to_num(own))
    beside = np.zeros(size.shape)
    beside[:, 3:] = size[:, :-3]
    beside[:, :-3] = np.maximum(beside[:, :-3], size[:, 3:])
    found: NDArray[np.bool_] = beside <= TREND * size
    return found


def _holds(pieces: Pieces, null: JumpNull, device: int, channel: int, piece: int, size: float) -> bool:
    """Whether the newest pieces still lie off the device's level before the step: a sensor that recovered is well."""
    mean = pieces.mean[device]
    before, newest = np.isfinite(mean[: piece - 1, channel]), np.flatnonzero(np.isfinite(mean[:, channel]))[-2:]
    if before.sum() < 3 or not len(newest):
        return False
    usual = np.nanmedian(np.where(before[:, None], mean[: piece - 1], np.nan), axis=0)
    away = (mean[newest].mean(axis=0) - usual)[None, None]
    own = _parts(away, null)[0][0, 0, channel] * _own_sd(away, null)[channel]
    return bool(np.isfinite(own) and own * np.sign(size) >= BACK * abs(size))


def _robust_sd(values: Float) -> float:
    known = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(known - np.median(known)))) if len(known) else float("nan")


def _quantile(values: Float, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else float("inf")
