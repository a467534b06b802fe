"""Will the machine fail within the horizon? A probability a row."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipelines.tasks.base import Float, Outcome, Task


class FailureWithinHorizon(Task):
    """Probability that the device fails within `horizon` periods."""

    kind: Literal["failure_within_horizon"] = "failure_within_horizon"
    horizon: float = Field(48.0, gt=0)  # periods
    healthy_beyond: float = Field(120.0, gt=0)  # periods from failure above which a row counts as healthy

    objective: ClassVar[Literal["regression", "binary"]] = "binary"
    direction: ClassVar[Literal["above", "below"]] = "above"
    primary: ClassVar[str] = "log_loss"
    higher_is_better: ClassVar[frozenset[str]] = frozenset({"average_precision", "roc_auc", "coverage", "warned_share"})

    def target(self, life: NDArray[np.float64], ahead: NDArray[np.float64]) -> Float:
        near = (life <= self.horizon).astype(np.float32)
        return np.where((near > 0) | (ahead >= self.horizon), near, np.nan).astype(np.float32)

    def healthy(self, life: NDArray[np.float64]) -> NDArray[np.bool_]:
        return life > self.healthy_beyond

    @property
    def settled_after(self) -> float:
        return self.horizon

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        return 0.0, 1.0

    def naive(self, target: Float, age: Float) -> tuple[str, dict[str, float]]:
        """The base rate."""
        return "constant", {"value": float(np.nanmean(target))}

    def metrics(self, outcome: Outcome) -> dict[str, float]:
        """Average precision beside its base rate, ROC AUC, log loss and Brier score over all rows."""
        from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

        known = np.isfinite(outcome.target)
        truth = outcome.target[known].astype(np.float64)
        predicted = np.clip(outcome.predicted[known].astype(np.float64), 1e-6, 1 - 1e-6)
        if truth.size == 0 or not np.isfinite(predicted).all():
            return {}
        found = {
            "base_rate": float(truth.mean()),
            "log_loss": float(log_loss(truth, predicted, labels=[0.0, 1.0])),
            "brier": float(np.mean((predicted - truth) ** 2)),
        }
        if 0 < truth.sum() < truth.size:
            found["average_precision"] = float(average_precision_score(truth, predicted))
            found["roc_auc"] = float(roc_auc_score(truth, predicted))
        return found

    def phrase(self, period: str) -> str:
        return f"failure within {self.horizon:g} {period}s"
