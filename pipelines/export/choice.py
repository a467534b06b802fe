"""Which model ships: of those that cannot be told from the best, the cheapest; said in words and in money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import Refused
from pipelines.evaluate import interval_95, resampled_means, row_loss
from pipelines.report.words import metric, money, number, size

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Contender:
    """A model that passed, in the form that would ship. score: (n,) of the calibration side. cost: a device there."""

    name: str
    label: str
    size: int  # bytes
    precision: str
    score: NDArray[np.float32]
    cost: float


@dataclass(frozen=True)
class Standing:
    """A contender against the best. low, high: 95 % of its loss less the best's, over devices drawn anew."""

    name: str
    loss: float
    difference: float
    low: float
    high: float
    tied: bool  # cannot be told from the best
    size: int
    cost: float


@dataclass(frozen=True)
class Choice:
    """Who ships, who answers where it cannot, every contender's standing, and the sentence."""

    chosen: str
    fallback: str | None
    standings: tuple[Standing, ...]
    sentence: str


@dataclass(frozen=True)
class Calibration:
    """What contenders are compared on: known rows (n,) of the calibration side, and how."""

    objective: str  # binary: log loss; regression: RMSE over all rows
    target: NDArray[np.float32]
    device: NDArray[np.integer]
    resamples: int
    seed: int
    currency: str
    unit: str

    @property
    def measure(self) -> str:
        return "log_loss" if self.objective == "binary" else "rmse_all_rows"


def choose(contenders: Sequence[Contender], seen: Calibration, size_max: int) -> Choice:
    """Pick by paired bootstrap over devices on the calibration side. Raises Refused if no model is small enough."""
    fitting = [c for c in contenders if c.size <= size_max]
    if not fitting:
        smallest = min(contenders, key=lambda c: c.size)
        raise Refused(
            f"the smallest model that passed its gates, {smallest.label}, has {size(smallest.size)}, more than the "
            f"{size(size_max)} of export.size_max; raise the limit or train a smaller model"
        )
    standings = compare(fitting, seen)
    tied = {s.name for s in standings if s.tied}
    chosen = min((c for c in fitting if c.name in tied), key=lambda c: (c.size, c.name))
    others = sorted((c for c in contenders if c.name != chosen.name), key=lambda c: (c.size, c.name))
    fallback = others[0].name if others else None
    return Choice(chosen.name, fallback, standings, _sentence(chosen, fitting, {s.name: s for s in standings}, seen))


def compare(contenders: Sequence[Contender], seen: Calibration) -> tuple[Standing, ...]:
    """Every contender's standing, the best first."""
    known = np.isfinite(seen.target)
    losses = np.stack([row_loss(seen.objective, seen.target[known], c.score[known]) for c in contenders], axis=1)
    draws = _scale(resampled_means(losses, seen.device[known], seen.resamples, seen.seed), seen)
    point = _scale(losses.mean(axis=0), seen)
    best = int(np.argmin(point))
    made = []
    for i in np.argsort(point, kind="stable"):
        low, high = interval_95(draws[:, i] - draws[:, best])
        c = contenders[i]
        made.append(
            Standing(c.name, float(point[i]), float(point[i] - point[best]), low, high, low <= 0.0, c.size, c.cost)
        )
    return tuple(made)


def _scale(mean_loss: Real, seen: Calibration) -> Real:
    return mean_loss if seen.objective == "binary" else np.sqrt(mean_loss)


def _sentence(chosen: Contender, all_: Sequence[Contender], found: Mapping[str, Standing], seen: Calibration) -> str:
    head = f"{chosen.label} ships, {chosen.precision}, {size(chosen.size)}"
    if len(all_) == 1:
        return f"{head}: the only model that passed its gates; it costs {money(chosen.cost, seen.currency)} a device."
    devices = len(np.unique(seen.device))
    where = f"on the {devices} calibration devices"
    mine = found[chosen.name]
    best = next(c for c in all_ if found[c.name].difference == 0.0)
    units = f" {seen.unit}" if seen.unit else ""
    name = metric(seen.measure)
    if best.name == chosen.name:
        rival = min((c for c in all_ if c is not chosen), key=lambda c: found[c.name].loss)
        lead = found[rival.name]
        told = "cannot be told from" if lead.tied else "is worse than"
        why = (
            f"its {name} {where} is the lowest, {number(mine.loss)}{units}; {rival.label}'s {number(lead.loss)} {told} "
            f"it (difference {_span(lead)})"
        )
        if lead.tied:
            why += f" and {rival.label} is larger, {size(rival.size)}"
    else:
        rival = best
        why = (
            f"its {name} {where}, {number(mine.loss)}{units}, cannot be told from {rival.label}'s "
            f"{number(found[rival.name].loss)} (difference {_span(mine)}), and {rival.label} has {size(rival.size)}, "
            f"{rival.size / chosen.size:.1f} times as much"
        )
    return f"{head}: {why}. In money: {_worth(chosen, rival, seen.currency)}."


def _span(s: Standing) -> str:
    return f"{number(s.difference)}, 95 % {number(s.low)} to {number(s.high)}"


def _worth(chosen: Contender, rival: Contender, currency: str) -> str:
    costs = f"{chosen.label} {money(chosen.cost, currency)} a device, {rival.label} {money(rival.cost, currency)}"
    gap = chosen.cost - rival.cost
    if abs(gap) < 0.5:
        return f"{costs}, the same"
    return f"{costs}, so the choice {'costs' if gap > 0 else 'saves'} {money(abs(gap), currency)} a device there"
