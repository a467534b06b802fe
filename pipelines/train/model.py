"""The model interface: three verbs, and what a person and a device need beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.scale import Scaler
from pipelines.tasks import Task
from pipelines.train.windows import Windows

if TYPE_CHECKING:
    import onnx

Inputs = Literal["features", "sequence"]


class CurvePoint(NamedTuple):
    """Loss after `step` trees or optimiser steps, in the task's own loss (squared error or log loss)."""

    step: int
    split: Literal["train", "valid"]
    loss: float


@dataclass(frozen=True)
class Answer:
    """What a model answers with: a probability (binary), or a number in target units kept within low..high."""

    binary: bool
    low: float | None
    high: float | None

    @classmethod
    def of(cls, task: Task) -> Answer:
        """The form of answer that the task asks for."""
        low, high = task.bounds
        return cls(task.objective == "binary", low, high)

    def from_raw(self, raw: NDArray[np.floating]) -> NDArray[np.float32]:
        """A raw output (n,) as an answer (n, 1): the logistic function of a logit, or a number cut to the bounds."""
        value = 1.0 / (1.0 + np.exp(-np.clip(raw, -60.0, 60.0))) if self.binary else np.asarray(raw)
        if not self.binary and (self.low is not None or self.high is not None):
            value = np.clip(value, self.low, self.high)
        return value.astype(np.float32).reshape(-1, 1)

    def loss(self, target: NDArray[np.float32], answer: NDArray[np.float32]) -> float:
        """Log loss or mean squared error of answers (n, 1) to known targets (n,); nan where there are none."""
        if target.size == 0:
            return float("nan")
        truth, said = target.astype(np.float64), answer[:, 0].astype(np.float64)
        if self.binary:
            said = np.clip(said, 1e-7, 1 - 1e-7)
            return float(-np.mean(truth * np.log(said) + (1 - truth) * np.log1p(-said)))
        return float(np.mean((said - truth) ** 2))


class Model(Protocol):
    """A model over windows; naive, LightGBM, GRU and LSTM differ only behind this."""

    @property
    def kind(self) -> str:
        """A key of MODELS."""

    @property
    def inputs(self) -> Inputs:
        """What its ONNX graph is fed: raw features (n, F), or scaled steps (n, steps, I)."""

    @property
    def scaler(self) -> Scaler | None:
        """How inputs are scaled before the graph; None where the graph takes raw features."""

    @property
    def curve(self) -> list[CurvePoint]:
        """The training curve; empty for a loaded model."""

    def fit(self, train: Windows, valid: Windows) -> None:
        """Learn from the windows of `train` whose target is known; `valid` only draws its curve.

        Raises DataError if nothing can be learnt from.
        """

    def predict(self, windows: Windows) -> NDArray[np.float32]:
        """(n, 1) answers in target units, probabilities where the task is binary; memory is bounded."""

    def to_onnx(self) -> onnx.ModelProto:
        """The float32 graph: input "x", output "score" (n, 1), equal to `predict` up to float32 rounding."""

    def save(self, folder: Path) -> None:
        """Write the model below `folder`; the same model gives the same bytes."""

    def importance(self) -> dict[str, float]:
        """Share of each feature or input in what the model learnt, largest first; sums to 1, or empty."""


def shares(names: tuple[str, ...], weights: NDArray[np.floating]) -> dict[str, float]:
    """Weights (F,) as shares by name, largest first, those without weight left out; empty if there is none."""
    total = float(np.sum(weights))
    if total <= 0:
        return {}
    order = np.argsort(-weights, kind="stable")
    return {names[i]: round(float(weights[i]) / total, 6) for i in order if weights[i] > 0}
