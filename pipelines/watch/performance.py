"""How well the model does in the field: measured where outcomes are known, estimated with its error where not yet.

The estimate asks what answers like these cost on the held-back devices: rows are sorted into bins of their score, and
each counts with the mean loss of its bin there. Its error is what such estimates are wrong by on held-back devices
that taught them nothing.
It sees a change of the answers; a change of what they mean (concept drift) only outcomes show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.tasks import TaskSpec
from pipelines.watch.answers import Answers
from pipelines.watch.measure import Calendar
from pipelines.watch.windows import Float

BINS = 10
SEED = 0  # of the parts by which the error is learnt
FEW = 20  # settled rows below which a window's loss is not stated


@dataclass(frozen=True)
class Performance:
    """Losses of the fleet by calendar window, the oldest first: squared error of probabilities, else absolute error.

    ends: of the windows. real: NaN = no outcomes yet; settled: the rows that it is of. estimated: for every window;
    error: sd of an estimate.
    """

    loss: str
    ends: tuple[pd.Timestamp, ...]
    real: tuple[float, ...]
    settled: tuple[int, ...]
    estimated: tuple[float, ...]
    error: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        real = [value if np.isfinite(value) else None for value in self.real]
        ends = [f"{end:%Y-%m-%dT%H:%M:%SZ}" for end in self.ends]
        estimated = [value if np.isfinite(value) else None for value in self.estimated]
        error = self.error if np.isfinite(self.error) else None
        told = {"loss": self.loss, "ends": ends, "real": real, "settled": list(self.settled)}
        return told | {"estimated": estimated, "error": error, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """The newest of both, to be read aloud."""
        known = [i for i, value in enumerate(self.real) if np.isfinite(value)]
        newest = f"{self.loss} estimated at {self.estimated[-1]:.3g} +- {self.error:.2g} for the newest window"
        if not known:
            return f"{newest}; no outcome is known yet"
        at = known[-1]
        return f"{newest}; measured: {self.real[at]:.3g} over {self.settled[at]:,} rows until {self.ends[at]:%Y-%m-%d}"


def perform(seen: Answers, known: Answers, task: TaskSpec, calendar: Calendar, outcome: float) -> Performance | None:
    """Real and estimated performance of a log; None where nobody answered, or nothing is known of answers like these.

    outcome: windows after which it is known what came of a row. A younger window has no measured loss: of it only the
    failures would be known.
    """
    known = known.take(np.isfinite(known.target))
    if len(known.score) < FEW or not len(seen.score):
        return None
    first, last = int(seen.window.min()), int(seen.window.max())
    count, window = last - first + 1, seen.window - first
    losses = _losses(seen, task)
    losses[seen.window + 1 + outcome > 0] = np.nan
    real, rows = _settled_means(window, losses, count)
    bins = _learn(known, task)
    estimated = _means(window, bins.of(seen.score), count)
    name = "squared error" if task.objective == "binary" else "absolute error"
    ends = tuple(calendar.start(first + i + 1) for i in range(count))
    error = _error(known, task, len(seen.devices))
    return Performance(name, ends, tuple(real.tolist()), tuple(rows.tolist()), tuple(estimated.tolist()), error)


@dataclass(frozen=True)
class _Bins:
    """What answers cost, by their score. edges: (B - 1,); loss: (B,)."""

    edges: Float
    loss: Float

    def of(self, score: NDArray[np.float32]) -> Float:
        found: Float = self.loss[np.digitize(score, self.edges)]
        return found


def _learn(known: Answers, task: TaskSpec) -> _Bins:
    edges = np.unique(np.quantile(known.score, np.linspace(0, 1, BINS + 1)[1:-1]).astype(np.float64))
    losses = _losses(known, task)
    by_bin = _means(np.digitize(known.score, edges), losses, len(edges) + 1)
    return _Bins(edges, np.where(np.isfinite(by_bin), by_bin, losses.mean()))


def _error(known: Answers, task: TaskSpec, devices: int) -> float:
    """Root mean square of estimate less measured, by calendar window, of parts of the held-back devices that taught the
    estimate nothing; a part has as many devices as the log, at most a third of them."""
    many = len(known.devices)
    size = max(1, min(devices, many // 3))
    order = np.random.default_rng(SEED).permutation(many)
    off = []
    for begin in range(0, many - size + 1, size):
        inside = np.isin(known.device, order[begin : begin + size])
        if inside.all() or not inside.any():
            continue
        part, bins = known.take(inside), _learn(known.take(~inside), task)
        window = part.window - part.window.min()
        real, rows = _settled_means(window, _losses(part, task), int(window.max()) + 1)
        off.append((_means(window, bins.of(part.score), len(real)) - real)[rows >= FEW])
    squares = np.concatenate([np.zeros(0), *off]) ** 2
    return float(np.sqrt(squares.mean())) if len(squares) else float("nan")


def _losses(answers: Answers, task: TaskSpec) -> Float:
    off = answers.score.astype(np.float64) - answers.target
    found: Float = off**2 if task.objective == "binary" else np.abs(off)
    return found


def _settled_means(window: NDArray[np.int32], losses: Float, count: int) -> tuple[Float, NDArray[np.int64]]:
    settled = np.isfinite(losses)
    rows = np.bincount(window[settled], minlength=count)
    means = _means(window[settled], losses[settled], count)
    return np.where(rows >= FEW, means, np.nan), rows


def _means(place: NDArray[Any], values: Float, count: int) -> Float:
    rows = np.bincount(place, minlength=count)
    total = np.bincount(place, weights=values, minlength=count)
    found: Float = np.where(rows > 0, total / np.maximum(rows, 1), np.nan)
    return found
