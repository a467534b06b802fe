"""The usual course of a week: by how much a channel or the score lies off its mean at each hour of the week.

Learnt on the healthy rows of held-back devices, less each device's own mean, and believed of a channel only where the
weeks that were left out of learning vary less without it. What is judged is then what departs from the usual hour. A
held-back week is itself measured by what the other weeks taught, so that it looks no better known than a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.tasks import TaskSpec
from pipelines.watch.frames import Frames
from pipelines.watch.measure import Usual, answers_of
from pipelines.watch.windows import Float

HOURS = 168
FOLDS = 4  # weeks apart from each other; fewer weeks teach no course of a week
GAIN = 0.05  # share of the variance within devices that a course must take away in weeks that did not teach it
_HOUR, _WEEK = 3600 * 1_000_000, HOURS * 3600 * 1_000_000


@dataclass(frozen=True)
class Weekly:
    """tables: of each channel that has a course, (FOLDS + 1, HOURS): without the weeks of each fold, and with all."""

    tables: dict[str, Float] = field(default_factory=dict)

    def new(self, frame: pd.DataFrame, name: str) -> Float | float:
        """What is usual in rows that taught nothing. (`Usual`)"""
        return self._of(frame, name, held_back=False)

    def held_back(self, frame: pd.DataFrame, name: str) -> Float | float:
        """What is usual in rows that were learnt from, as other weeks tell it. (`Usual`)"""
        return self._of(frame, name, held_back=True)

    def _of(self, frame: pd.DataFrame, name: str, held_back: bool) -> Float | float:
        if name not in self.tables:
            return 0.0
        hour, fold = _moments(frame)
        found: Float = self.tables[name][fold if held_back else FOLDS, hour]
        return found

    @property
    def sentence(self) -> str:
        """Of which channels a course is known, to be read aloud."""
        return f"hour of week taken off: {', '.join(self.tables)}" if self.tables else ""


NO_COURSE = Weekly()


def learn_weekly(reference: Frames, channels: Sequence[str], task: TaskSpec) -> Weekly:
    """The courses that the reference shows. Too few weeks, or an hour that some weeks lack, and there is none."""
    names = (*channels, "score")
    shape = (len(names), FOLDS, HOURS)
    total, count, squares = np.zeros(shape), np.zeros(shape), np.zeros(len(names))
    for frame in reference:
        hour, fold = _moments(frame)
        place = fold * HOURS + hour
        device = pd.factorize(frame["device"].to_numpy(dtype=object))[0]
        for i, name in enumerate(names):
            values, known = _values(frame, name, task)
            rows, where = device[known], place[known]
            own = np.bincount(rows, weights=values[known]) / np.maximum(np.bincount(rows), 1)
            away = values[known] - own[rows]
            count[i] += np.bincount(where, minlength=FOLDS * HOURS).reshape(FOLDS, HOURS)
            total[i] += np.bincount(where, weights=away, minlength=FOLDS * HOURS).reshape(FOLDS, HOURS)
            squares[i] += float(away @ away)
    found = {name: _course(total[i], count[i], squares[i]) for i, name in enumerate(names)}
    return Weekly({name: table for name, table in found.items() if table is not None})


def _course(total: Float, count: Float, squares: float) -> Float | None:
    """(FOLDS + 1, HOURS) means, the overall mean taken off; None where no week that was left out gains by them."""
    used = count.sum(axis=0) > 0
    others, rows = total.sum(axis=0) - total, count.sum(axis=0) - count
    if not used.any() or (count[:, used] == 0).any() or squares <= 0:
        return None
    whole = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    tables = np.concatenate([others / np.maximum(rows, 1), whole[None]])
    tables -= tables[:, used].mean(axis=1, keepdims=True)
    tables[:, ~used] = 0.0
    left = squares - 2 * float((tables[:-1] * total).sum()) + float((tables[:-1] ** 2 * count).sum())
    return tables if left <= (1 - GAIN) * squares else None


def _values(frame: pd.DataFrame, name: str, task: TaskSpec) -> tuple[Float, NDArray[np.bool_]]:
    """(n,) values, and which of them are known and of a healthy machine."""
    healthy = frame["healthy"].to_numpy(dtype=np.bool_)
    if name == "score":
        shown, _ = answers_of(frame, task)
        return shown, healthy & np.isfinite(shown)
    return frame[name].to_numpy(dtype=np.float64), healthy & frame[f"{name}.measured"].to_numpy(dtype=np.bool_)


def _moments(frame: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) hour of the week (UTC, from an arbitrary one), and the week's fold."""
    time = pd.DatetimeIndex(frame["time"]).as_unit("us").asi8
    return time // _HOUR % HOURS, time // _WEEK % FOLDS


def usual_of(weekly: Weekly, held_back: bool) -> Usual | None:
    """What `measure` takes off; None where there is no course at all."""
    if not weekly.tables:
        return None
    return weekly.held_back if held_back else weekly.new
