"""What a task is: target, metrics, naive answer, what counts as healthy, and the form of the decision."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.frozen import Frozen
from pipelines.tasks.default_features import for_warning

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """Scored rows of one side, sorted by device and time; all arrays (n,).

    life: periods until the device's next failure, inf where none is known. target: what the model was asked
    (NaN = unknown). predicted: its answer. last: True on a device's last row.
    """

    device: NDArray[np.int64]  # code
    time_s: NDArray[np.float64]  # epoch seconds
    life: NDArray[np.float64]
    target: Float
    predicted: Float
    last: NDArray[np.bool_]


class Task(Frozen):
    """A question over rows. Concrete tasks add their parameters and the methods below."""

    kind: str
    failure: str = "failure"  # kind of event that ends a life; where there is none such, no life is known to end
    objective: ClassVar[Literal["regression", "binary"]]
    direction: ClassVar[Literal["above", "below"]]  # a score beyond the threshold in this direction asks for action
    primary: ClassVar[str]  # the headline, by the field's protocol; lower is better
    higher_is_better: ClassVar[frozenset[str]]

    @abstractmethod
    def target(self, life: NDArray[np.float64], ahead: NDArray[np.float64]) -> Float:
        """The target of rows whose failure is `life` periods away (inf = none known).

        ahead: periods of the device's history that were observed after the row. NaN = unknown, not to be learnt from.
        """

    @abstractmethod
    def healthy(self, life: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Rows that the trigger may take as healthy.

        life: as for `target`; where no failure is known, the history seen to follow stands for it.
        """

    @property
    @abstractmethod
    def settled_after(self) -> float:
        """Periods of history after a row that settle its target even where no failure comes."""

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Least and greatest answer, where the task knows them; a model keeps within."""
        return None, None

    def features(self) -> dict[str, Any]:
        """The features of a use case that states none, by the keys of its `features`."""
        return for_warning(self.settled_after)

    @abstractmethod
    def naive(self, target: Float, age: Float) -> tuple[str, dict[str, float]]:
        """The naive answer learnt from train rows: a form named in `pipelines.train.naive`, and its numbers."""

    @abstractmethod
    def metrics(self, outcome: Outcome) -> dict[str, float]:
        """Metrics by the field's protocol, in target units; a metric that cannot be computed is left out."""

    @abstractmethod
    def phrase(self, period: str) -> str:
        """What a score says, in words: "failure within 48 h"."""


def life_left(grid: pd.DataFrame, events: pd.DataFrame, kind: str, period_s: float) -> NDArray[np.float64]:
    """Periods from each grid row (device, time) to its device's next `kind` event at or after it; inf = none known."""
    left = grid[["device", "time"]].reset_index(drop=True)
    left["row"] = np.arange(len(left))
    right = events.loc[events["kind"] == kind, ["device", "time"]].assign(failure=lambda e: e["time"])
    joined = pd.merge_asof(
        left.sort_values("time", kind="stable"),
        right.sort_values("time", kind="stable"),
        on="time",
        by="device",
        direction="forward",
    )
    seconds = (joined["failure"] - joined["time"]).dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.inf)
    life = np.empty(len(left))
    life[joined["row"].to_numpy()] = seconds / period_s
    return life
