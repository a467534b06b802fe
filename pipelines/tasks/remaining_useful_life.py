"""How many periods until failure? Regression on a target capped where a machine is still as good as new."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipelines.tasks.base import Float, Outcome, Task


class RemainingUsefulLife(Task):
    """Remaining useful life in periods, capped at `cap`."""

    kind: Literal["remaining_useful_life"] = "remaining_useful_life"
    failure: str = "failure"  # kind of event
    cap: float = Field(125.0, gt=0)  # periods
    healthy_beyond: float = Field(125.0, gt=0)  # periods from failure above which a row counts as healthy

    objective: ClassVar[Literal["regression", "binary"]] = "regression"
    direction: ClassVar[Literal["above", "below"]] = "below"
    primary: ClassVar[str] = "rmse"
    higher_is_better: ClassVar[frozenset[str]] = frozenset({"coverage", "warned_share"})

    def target(self, life: NDArray[np.float64], ahead: NDArray[np.float64]) -> Float:
        known = np.where(np.isfinite(life), np.minimum(life, self.cap), np.nan)
        return known.astype(np.float32)

    def healthy(self, life: NDArray[np.float64]) -> NDArray[np.bool_]:
        return life > self.healthy_beyond

    def naive(self, target: Float, age: Float) -> tuple[str, dict[str, float]]:
        """Mean life less age: what a maintenance calendar knows."""
        life = target[np.isfinite(target)].astype(np.float64) + age[np.isfinite(target)]
        uncapped = target[np.isfinite(target)] < self.cap
        mean = float(life[uncapped].mean()) if uncapped.any() else float(life.mean())
        return "life_less_age", {"life": mean, "low": 0.0, "high": self.cap}

    def metrics(self, outcome: Outcome) -> dict[str, float]:
        """Last row of each device (the C-MAPSS protocol): RMSE capped and uncapped, and the PHM08 score."""
        rows = outcome.last & np.isfinite(outcome.target)
        if not rows.any():
            return {}
        truth = np.minimum(outcome.life[rows], self.cap)
        predicted = np.clip(outcome.predicted[rows].astype(np.float64), 0.0, self.cap)
        error = predicted - truth
        every = np.isfinite(outcome.target)
        error_all = np.clip(outcome.predicted[every].astype(np.float64), 0.0, self.cap) - outcome.target[every]
        return {
            "rmse": float(np.sqrt(np.mean(error**2))),
            "mae": float(np.mean(np.abs(error))),
            "phm08": phm08(truth, predicted),
            "rmse_uncapped": float(np.sqrt(np.mean((predicted - outcome.life[rows]) ** 2))),
            "rmse_all_rows": float(np.sqrt(np.mean(error_all**2))),
            "bias": float(np.mean(error)),
        }

    def phrase(self, period: str) -> str:
        return f"remaining life in {period}s"


def phm08(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Sum of C-MAPSS penalties; late answers (predicted above truth) cost more than early ones. Lower is better.

    truth, predicted: (n,) remaining periods, same order.
    Source: Saxena et al., Damage Propagation Modeling for Aircraft Engine Run-to-Failure Simulation, PHM 2008.
    """
    late = predicted - truth
    return float(np.sum(np.where(late < 0, np.exp(-late / 13.0), np.exp(late / 10.0)) - 1.0))
