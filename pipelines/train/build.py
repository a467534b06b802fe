"""Models by name, from the numbers of params.yaml."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.params import TrainSpec
from pipelines.tasks import Task
from pipelines.train.model import Answer, Model
from pipelines.train.naive import Naive
from pipelines.train.recurrent import Recurrent
from pipelines.train.trees import Trees


def _naive(spec: TrainSpec, task: Task) -> Model:
    return Naive(task)


def _lightgbm(spec: TrainSpec, task: Task) -> Model:
    return Trees(Answer.of(task), spec.baseline, spec.seed, spec.threads)


def _gru(spec: TrainSpec, task: Task) -> Model:
    return Recurrent(Answer.of(task), spec.sequence.model_copy(update={"kind": "gru"}), spec.seed, spec.threads)


def _lstm(spec: TrainSpec, task: Task) -> Model:
    return Recurrent(Answer.of(task), spec.sequence.model_copy(update={"kind": "lstm"}), spec.seed, spec.threads)


MODELS: dict[str, Callable[[TrainSpec, Task], Model]] = {
    "naive": _naive,
    "lightgbm": _lightgbm,
    "gru": _gru,
    "lstm": _lstm,
}
"""Every model by its kind; a contract test runs over all of them."""
