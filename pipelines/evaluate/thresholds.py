"""What is learnt on the calibration side, and nothing else is: the threshold from cost, the interval from residuals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.decide import decide_batch
from fleetloop_edge.spec import DecisionSpec
from pipelines.evaluate.lives import Lives, cost_per_device, worth
from pipelines.params import DecisionParams

CANDIDATES = 200
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The threshold and the curve it was read from. threshold, cost: (k,) cost a device at each candidate."""

    chosen: float
    threshold: Real
    cost: Real


def choose_threshold(
    rule: DecisionSpec, score: NDArray[np.float32], abstain: NDArray[np.bool_], lives: Lives, params: DecisionParams
) -> Choice:
    """The threshold at which decisions cost least; the middle of the widest flat stretch where several do.

    Candidates stand half-way between scores that occur, so that float noise flips no decision; the last of them lies
    beyond all scores: never to act is a choice too.
    """
    candidates = candidate_thresholds(score, rule.direction)
    costs = np.empty(len(candidates))
    for i, candidate in enumerate(candidates):
        acts = decide_batch(replace(rule, threshold=float(candidate)), score, lives.fresh, abstain)
        costs[i] = cost_per_device(worth(acts, lives, params), lives)
    return Choice(float(candidates[_middle_of_lowest(costs)]), candidates, costs)


def candidate_thresholds(score: NDArray[np.float32], direction: str) -> Real:
    """Thresholds in rising order, CANDIDATES of them or fewer, the end at which nothing is beyond included.

    Half of them evenly over the rows, half evenly over the scores: few rows are near a failure, and those decide.
    """
    scores = np.unique(score.astype(np.float64))
    even = np.linspace(0.0, 1.0, CANDIDATES // 2)
    by_row = np.quantile(score.astype(np.float64), even, method="nearest")
    by_score = scores[np.searchsorted(scores, scores[0] + even[:-1] * (scores[-1] - scores[0]))]
    levels = np.unique(np.concatenate([by_row, by_score]))
    between = (levels[1:] + levels[:-1]) / 2
    never = levels[-1] + 1.0 if direction == "above" else levels[0] - 1.0
    return np.sort(np.append(between, never))


def _middle_of_lowest(costs: Real) -> int:
    lowest = np.flatnonzero(costs <= costs.min() + 1e-9)
    stretches = np.split(lowest, np.flatnonzero(np.diff(lowest) > 1) + 1)
    widest = max(stretches, key=len)
    return int(widest[len(widest) // 2])


def conformal_interval(target: NDArray[np.float32], score: NDArray[np.float32], coverage: float) -> float:
    """Half width within which a new row's target lies with probability `coverage`: split conformal, absolute residual.

    target, score: (n,) of the calibration side; unknown targets are left out. With no known target: nan.
    Source: Lei et al., Distribution-Free Predictive Inference for Regression, JASA 2018.
    """
    known = np.isfinite(target)
    residual = np.sort(np.abs(target[known].astype(np.float64) - score[known].astype(np.float64)))
    if residual.size == 0:
        return float("nan")
    rank = int(np.ceil((residual.size + 1) * coverage))
    return float(residual[min(rank, residual.size) - 1])
