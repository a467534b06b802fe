"""How well the model does in the field: measured where outcomes are known, estimated with its error where not yet.

The estimate asks what answers like these cost on the held-back devices: rows are sorted into bins of their score, and
each counts with the mean loss of its bin there. Its error is what such estimates were wrong by on held-back windows.
It sees a change of the answers; a change of what they mean (concept drift) only outcomes show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.tasks import TaskSpec
from pipelines.watch.measure import Calendar
from pipelines.watch.windows import Float

BINS = 10
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


def perform(log: pd.DataFrame, reference: pd.DataFrame, task: TaskSpec, calendar: Calendar) -> Performance | None:
    """Real and estimated performance of a log (see `measure` for the frames); None where nobody answered."""
    known, seen = (_answered(frame) for frame in (reference, log))
    losses = _losses(known, task)
    settled = np.isfinite(losses)
    if settled.sum() < FEW or seen.empty:
        return None
    edges = np.unique(np.quantile(known["score"].to_numpy()[settled], np.linspace(0, 1, BINS + 1)[1:-1]))
    by_bin = _means(np.digitize(known["score"].to_numpy()[settled], edges), losses[settled], len(edges) + 1)
    window, first, count = _windows(seen, calendar)
    real, rows = _settled_means(window, _losses(seen, task), count)
    estimated = _means(window, by_bin[np.digitize(seen["score"].to_numpy(), edges)], count)
    name = "squared error" if task.objective == "binary" else "absolute error"
    ends = tuple(calendar.start(first + i + 1) for i in range(count))
    error = _error(known[settled], losses[settled], by_bin, edges, calendar)
    return Performance(name, ends, tuple(real.tolist()), tuple(rows.tolist()), tuple(estimated.tolist()), error)


def _error(known: pd.DataFrame, losses: Float, by_bin: Float, edges: Float, calendar: Calendar) -> float:
    """Root mean square of estimate less measured over the reference's calendar windows."""
    window, _, count = _windows(known, calendar)
    real, _ = _settled_means(window, losses, count)
    off = _means(window, by_bin[np.digitize(known["score"].to_numpy(), edges)], count) - real
    off = off[np.isfinite(off)]
    return float(np.sqrt(np.mean(off**2))) if len(off) else float("nan")


def _answered(frame: pd.DataFrame) -> pd.DataFrame:
    found: pd.DataFrame = frame.loc[np.isfinite(frame["score"]), ["time", "score", "target"]]
    return found


def _losses(frame: pd.DataFrame, task: TaskSpec) -> Float:
    off = (frame["score"] - frame["target"]).to_numpy(dtype=np.float64)
    found: Float = off**2 if task.objective == "binary" else np.abs(off)
    return found


def _windows(frame: pd.DataFrame, calendar: Calendar) -> tuple[NDArray[np.int64], int, int]:
    """Each row's window from 0, the calendar index of window 0, and how many there are."""
    index = (calendar.slot(frame["time"]) - calendar.newest - 1) // calendar.window
    first, last = int(index.min()), int(index.max())
    return index - first, first, last - first + 1


def _settled_means(window: NDArray[np.int64], losses: Float, count: int) -> tuple[Float, NDArray[np.int64]]:
    settled = np.isfinite(losses)
    rows = np.bincount(window[settled], minlength=count)
    means = _means(window[settled], losses[settled], count)
    return np.where(rows >= FEW, means, np.nan), rows


def _means(place: NDArray[np.int64], values: Float, count: int) -> Float:
    rows = np.bincount(place, minlength=count)
    total = np.bincount(place, weights=values, minlength=count)
    found: Float = np.where(rows > 0, total / np.maximum(rows, 1), np.nan)
    return found
