"""Both sides of a judgement in one shape: the held-back calibration devices of the use case, and a field log."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fleetloop_edge.decide import ABSTAIN, NONE
from fleetloop_edge.spec import Channel, FeatureSpec
from pipelines.errors import DataError
from pipelines.evaluate import actions, read_decisions, read_predictions
from pipelines.features import build_grid, read_grid
from pipelines.files import Place
from pipelines.split import read_targets
from pipelines.tasks import TaskSpec
from pipelines.tasks.base import life_left
from pipelines.watch.field_log import NONE_REJECTED, FieldLog

SIDE = "calibration"


def reference_frame(place: Place, use_case: str, model: str, until: pd.Timestamp) -> pd.DataFrame:
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
    grid = read_grid(place, use_case).drop(
        columns="life", errors="ignore"
    )  # the grid's counts lives, ours is what is left
    return grid.merge(kept, on=["device", "time"], how="inner").sort_values(["device", "time"], ignore_index=True)


def log_frame(log: FieldLog, spec: FeatureSpec, channels: tuple[Channel, ...], task: TaskSpec) -> pd.DataFrame:
    """The same of a log: its rows on the grid, its decisions, and its outcomes as far as labels tell.

    Raises DataError where no decision meets a row.
    """
    absent = [name for name in spec.channels if name not in log.rows]
    if absent:
        raise DataError(f"the rows of the log have no channel {absent[0]!r}; is it a log of another use case?")
    events = log.labels.rename(columns={"from": "time", "label": "kind"})
    grid = build_grid(log.rows, NONE_REJECTED, spec, channels, events)
    asked = ~log.decisions["action"].isin([NONE, ABSTAIN])
    said = log.decisions[["device", "time", "score"]].assign(acts=asked).drop_duplicates(["device", "time"])
    frame = grid.merge(said, on=["device", "time"], how="inner").sort_values(["device", "time"], ignore_index=True)
    if frame.empty:
        raise DataError("no decision of the log is about a row of it; rows and decisions must be of the same devices")
    life = life_left(frame, events, task.failure, spec.period_s)
    last = frame.groupby("device", sort=False)["time"].transform("max")
    ahead = np.asarray((last - frame["time"]).dt.total_seconds() / spec.period_s, dtype=np.float64)
    return frame.assign(life=life, target=task.target(life, ahead), healthy=False)


def past_of(place: Place, use_case: str, log: pd.DataFrame) -> pd.DataFrame:
    """The training grid's rows of a log's devices from before the log, nobody's answers with them; see `measure`."""
    grid = read_grid(place, use_case).assign(score=np.float32(np.nan), acts=False, target=np.float32(np.nan))
    grid = grid.assign(**{name: read_targets(place, use_case)[name] for name in ("life", "healthy")})
    begins = log.groupby("device")["time"].min()
    first = grid["device"].map(begins)
    found: pd.DataFrame = grid[(grid["time"] < first).fillna(False)].reset_index(drop=True)
    return found


def model_of(log: FieldLog) -> str:
    """The model that made most of the log's decisions. Raises DataError where none did."""
    models = log.decisions["model"][log.decisions["model"] != ""]
    if models.empty:
        raise DataError("the log has no decision that a model made: there is nothing to judge")
    return str(models.value_counts().sort_index(ascending=True).idxmax())
