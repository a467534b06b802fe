"""How many periods until failure? Regression on a target capped where a machine is still as good as new."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipelines.tasks.base import Float, Outcome, Task
from pipelines.tasks.default_features import for_wear


class RemainingUsefulLife(Task):
    """Remaining useful life in periods, capped at `cap`."""

    kind: Literal["remaining_useful_life"] = "remaining_useful_life"
    cap: float = Field(125.0, gt=0)  # periods
    healthy_beyond: float = Field(125.0, gt=0)  # periods from failure above which a row counts as healthy

    objective: ClassVar[Literal["regression", "binary"]] = "regression"
    direction: ClassVar[Literal["above", "below"]] = "below"
    primary: ClassVar[str] = "rmse"
    higher_is_better: ClassVar[frozenset[str]] = frozenset({"coverage", "warned_share"})

    def target(self, life: NDArray[np.float64], ahead: NDArray[np.float64]) -> Float:
        """Life cut at the cap, where the failure is known, or was outlived by the cap."""
        known = np.isfinite(life) | (ahead >= self.cap)
        return np.where(known, np.minimum(life, self.cap), np.nan).astype(np.float32)

    def healthy(self, life: NDArray[np.float64]) -> NDArray[np.bool_]:
        return life > self.healthy_beyond

    @property
    def settled_after(self) -> float:
        return self.cap

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        return 0.0, self.cap

    def features(self) -> dict[str, Any]:
        return for_wear(self.cap)

    def naive(self, target: Float, age: Float) -> tuple[str, dict[str, float]]:
        """Mean life less age: what a maintenance calendar knows."""
        life = target[np.isfinite(target)].astype(np.float64) + age[np.isfinite(target)]
        uncapped = target[np.isfinite(target)] < self.cap
        mean = float(life[uncapped].mean()) if uncapped.any() else float(life.mean())
        return "life_less_age", {"life": mean, "low": 0.0, "high": self.cap}

    def metrics(self, outcome: Outcome) -> dict[str, float]:
        """RMSE over all rows; and at the last row of each device, the C-MAPSS protocol, RMSE, PHM08 score and bias.

        The last row says something only where a history stops short of the failure: devices that ran to failure are
        left out of it, and where all did (or none of the last rows is known) those metrics are missing.
        """
        known = np.isfinite(outcome.target)
        predicted = np.clip(outcome.predicted.astype(np.float64), 0.0, self.cap)
        error = predicted - outcome.target
        if not known.any() or not np.isfinite(error[known]).all():
            return {}
        found = {"rmse_all_rows": _rms(error[known]), "mae_all_rows": float(np.abs(error[known]).mean())}
        last = outcome.last & known & (outcome.life > 0)
        if not last.any():
            return found
        found |= {
            "rmse": _rms(error[last]),
            "mae": float(np.abs(error[last]).mean()),
            "bias": float(error[last].mean()),
            "phm08": phm08(outcome.target[last].astype(np.float64), predicted[last]),
        }
        if np.isfinite(outcome.life[last]).all():
            found["rmse_uncapped"] = _rms(predicted[last] - outcome.life[last])
        return found

    def phrase(self, period: str) -> str:
        return f"remaining life in {period}s"


def phm08(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Sum of C-MAPSS penalties; late answers (predicted above truth) cost more than early ones. Lower is better.

    truth, predicted: (n,) remaining periods, same order.
    Source: Saxena et al., Damage Propagation Modeling for Aircraft Engine Run-to-Failure Simulation, PHM 2008.
    """
    late = predicted - truth
    return float(np.sum(np.where(late < 0, np.exp(-late / 13.0), np.exp(late / 10.0)) - 1.0))


def _rms(error: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(error**2)))
