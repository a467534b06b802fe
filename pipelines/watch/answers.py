"""A side's answers and what came of them: sixteen bytes a row, for the measured and the estimated performance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.watch.measure import Calendar


@dataclass(frozen=True)
class Answers:
    """Rows that were answered. devices: D names. device: (n,) by number. window: calendar index. target: NaN = not
    known yet."""

    devices: tuple[str, ...]
    device: NDArray[np.int32]
    window: NDArray[np.int32]
    score: NDArray[np.float32]
    target: NDArray[np.float32]

    def take(self, rows: NDArray[np.bool_]) -> Answers:
        """Some of the rows."""
        told = (getattr(self, name)[rows] for name in ("device", "window", "score", "target"))
        return Answers(self.devices, *told)

    def without(self, devices: Collection[str]) -> Answers:
        """The rows of all but some devices."""
        kept = np.array([name not in devices for name in self.devices], dtype=np.bool_)
        return self.take(kept[self.device])


def answers_in(frame: pd.DataFrame, calendar: Calendar) -> Answers:
    """The answered rows of a frame; see `measure`."""
    score = frame["score"].to_numpy(dtype=np.float32)
    there = np.isfinite(score)
    codes, names = pd.factorize(frame["device"].to_numpy(dtype=object)[there], sort=True)
    window = calendar.index(frame["time"])[there].astype(np.int32)
    target = frame["target"].to_numpy(dtype=np.float32)[there]
    return Answers(tuple(str(n) for n in names), codes.astype(np.int32), window, score[there], target)


def all_answers(parts: Sequence[Answers]) -> Answers:
    """The rows of all parts."""
    names = sorted({name for part in parts for name in part.devices})
    places = {name: i for i, name in enumerate(names)}
    moved = [np.array([places[name] for name in part.devices], dtype=np.int32)[part.device] for part in parts]
    told = (np.concatenate([getattr(part, f) for part in parts]) for f in ("window", "score", "target"))
    return Answers(tuple(names), np.concatenate(moved), *told)
