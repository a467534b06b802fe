"""Cross-validation on the train side: each fold of devices, or of time, answered by a model that did not see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.train.model import Answer, Model
from pipelines.train.windows import Windows


@dataclass(frozen=True)
class FoldScore:
    """loss: RMSE or log loss over the fold's windows with a known target."""

    fold: int
    devices: int
    windows: int
    loss: float


@dataclass(frozen=True)
class CrossValidation:
    """Of one kind of model. mean, sd: over the folds."""

    kind: str
    measure: str
    folds: list[FoldScore]
    mean: float
    sd: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def cross_validate(
    make: Callable[[], Model], train: Windows, fold: NDArray[np.integer], answer: Answer
) -> CrossValidation | None:
    """Learn without each fold in turn and answer for it; None where there are not two folds to learn from.

    fold: (n,) of each window, -1 for none. The split says how folds are drawn.
    """
    known = np.isfinite(train.target)
    numbers = [int(i) for i in np.unique(fold[known & (fold >= 0)])]
    if len(numbers) < 2:
        return None
    kind, scores = "", []
    for held in numbers:
        model = make()
        rest, part = train.take(known & (fold >= 0) & (fold != held)), train.take(known & (fold == held))
        try:
            model.fit(rest, part.take(np.zeros(len(part), dtype=np.bool_)))
        except DataError:
            return None
        loss = answer.loss(part.target, model.predict(part))
        loss = loss if answer.binary else float(np.sqrt(loss))
        scores.append(FoldScore(held, len(np.unique(part.device)), len(part), round(loss, 6)))
        kind = model.kind
    losses = np.array([score.loss for score in scores])
    measure = "log_loss" if answer.binary else "rmse"
    return CrossValidation(kind, measure, scores, round(float(losses.mean()), 6), round(float(losses.std(ddof=1)), 6))
