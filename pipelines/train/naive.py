"""The naive answer: what a calendar or a base rate knows. Every other model has to beat it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.scale import Scaler
from pipelines.errors import DataError
from pipelines.files import read_json, write_json
from pipelines.tasks import Task
from pipelines.train.model import CurvePoint, Inputs
from pipelines.train.windows import Windows

if TYPE_CHECKING:
    import onnx

FILE = "naive.json"


@dataclass
class Naive:
    """A constant, or mean life less age; the task says which (`Task.naive`)."""

    task: Task | None
    form: str = "constant"
    numbers: dict[str, float] | None = None
    age_column: int = -1  # of the features
    width: int = 0  # number of features

    kind = "naive"
    inputs: Inputs = "features"

    @property
    def scaler(self) -> Scaler | None:
        return None

    @property
    def curve(self) -> list[CurvePoint]:
        return []

    def fit(self, train: Windows, valid: Windows) -> None:
        """The task's own naive answer; its mean target where that needs an age which the features lack."""
        if self.task is None:
            raise DataError("a loaded naive answer does not know its task; build a new one to fit it")
        known = train.learnable()
        self.width = len(train.names)
        self.form, self.numbers = self.task.naive(known.target, known.age)
        if self.form == "life_less_age":
            self.age_column = train.names.index("age") if "age" in train.names else -1
            if self.age_column < 0:
                self.form, self.numbers = "constant", {"value": float(known.target.astype(np.float64).mean())}

    def predict(self, windows: Windows) -> NDArray[np.float32]:
        numbers = self._numbers()
        if self.form == "constant":
            return np.full((len(windows), 1), numbers["value"], dtype=np.float32)
        left = np.float32(numbers["life"]) - windows.age
        answer: NDArray[np.float32] = np.clip(left, np.float32(numbers["low"]), np.float32(numbers["high"]))
        return answer.reshape(-1, 1)

    def to_onnx(self) -> onnx.ModelProto:
        from pipelines.train.onnx_naive import constant_graph, life_less_age_graph

        numbers = self._numbers()
        if self.form == "constant":
            return constant_graph(numbers["value"], self.width)
        return life_less_age_graph(numbers["life"], numbers["low"], numbers["high"], self.age_column, self.width)

    def save(self, folder: Path) -> None:
        fields = {"form": self.form, "numbers": self._numbers(), "age_column": self.age_column, "width": self.width}
        write_json(folder / FILE, fields)

    @classmethod
    def load(cls, folder: Path, made_by: str) -> Naive:
        """The saved answer. Raises DataError naming `made_by`, the command that makes it."""
        return cls(None, **read_json(folder / FILE, made_by))

    def importance(self) -> dict[str, float]:
        return {} if self.form == "constant" else {"age": 1.0}

    def _numbers(self) -> dict[str, float]:
        if self.numbers is None:
            raise DataError("the naive answer was not fitted; call fit or load first")
        return self.numbers
