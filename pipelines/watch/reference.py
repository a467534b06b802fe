"""What a log is compared with: the held-back calibration devices, and the past of the log's own devices."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.errors import DataError
from pipelines.evaluate import actions, read_decisions, read_predictions
from pipelines.features import stream_grid
from pipelines.files import Place
from pipelines.split import read_targets
from pipelines.watch.decided import Decided
from pipelines.watch.frames import by_devices, one_frame

SIDE = "calibration"


@dataclass(frozen=True)
class GridFrames:
    """Rows of the training grid beside which something is told. beside: device, time, score, acts, target, life and
    healthy (see `measure`)."""

    place: Place
    use_case: str
    beside: pd.DataFrame
    channels: tuple[str, ...]

    @property
    def devices(self) -> tuple[str, ...]:
        """See `Frames`."""
        return tuple(sorted(self.beside["device"].unique()))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self._frames(self.beside)

    def of(self, devices: Collection[str]) -> pd.DataFrame:
        """See `Frames`."""
        found = list(self._frames(self.beside[self.beside["device"].isin(list(devices))]))
        return one_frame(found) if found else self.beside.iloc[:0]

    def _frames(self, beside: pd.DataFrame) -> Iterator[pd.DataFrame]:
        columns = ["device", "time", *(n for name in self.channels for n in (name, f"{name}.measured"))]
        if beside.empty:
            return
        for grid in stream_grid(self.place, self.use_case):
            for part in by_devices(grid[columns][grid["device"].isin(beside["device"].unique())]):
                told = beside[beside["device"].isin(part["device"].unique())]
                frame = part.merge(told, on=["device", "time"], how="inner")
                if len(frame):
                    yield frame.sort_values(["device", "time"], ignore_index=True)


def reference_frames(
    place: Place, use_case: str, model: str, channels: tuple[str, ...], until: pd.Timestamp
) -> GridFrames:
    """Grid rows of the calibration devices up to a moment, with the model's answers and what came of them.

    The champion may be younger than the moment that is judged: what was measured after it is left out. See `measure`.
    Raises DataError where the evaluation does not know the model, or nothing was measured by then.
    """
    predictions = read_predictions(place, use_case)
    rules = read_decisions(place, use_case)
    if model not in rules:
        raise DataError(
            f"the log's decisions are by model {model!r}, which the evaluation of {use_case!r} does not know; "
            f"it has {', '.join(sorted(rules))}"
        )
    known = (predictions["side"] == SIDE) & (predictions["time"] <= until)
    if not known.any():
        raise DataError(f"{use_case} was evaluated on rows after {until:%Y-%m-%d} alone; judge a later moment")
    scored = predictions[known].sort_values(["device", "time"], ignore_index=True)
    fresh = np.ones(len(scored), dtype=np.bool_)
    fresh[1:] = (scored["device"].to_numpy()[1:] != scored["device"].to_numpy()[:-1]) | (
        np.diff(scored["segment"].to_numpy()) != 0
    )
    acts = actions(scored, model, rules[model].decision, fresh)
    kept = scored[["device", "time", "target", "life", "healthy"]].assign(score=scored[model], acts=acts)
    return GridFrames(place, use_case, kept, channels)


def past_frames(
    place: Place, use_case: str, decided: Decided, period_s: float, channels: tuple[str, ...]
) -> GridFrames:
    """The training grid's rows of a log's devices from before the log, nobody's answers with them; see `measure`."""
    told = read_targets(place, use_case)[["device", "time", "life", "healthy"]]
    begins = pd.to_datetime(decided.first * round(period_s * 1e6), unit="us", utc=True)
    first = told["device"].map(pd.Series(begins, index=list(decided.devices)))
    told = told[(told["time"] < first).fillna(False)].reset_index(drop=True)
    nobody = np.full(len(told), np.nan, dtype=np.float32)
    beside = told.assign(score=nobody, acts=False, target=nobody)
    return GridFrames(place, use_case, beside, channels)
