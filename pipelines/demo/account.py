"""What a way of retraining was worth: its decisions against what really failed, in the use case's money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.decide import ABSTAIN, NONE
from pipelines.evaluate import epoch_seconds, find_lives, worth
from pipelines.params import DecisionParams
from pipelines.tasks.base import life_left


@dataclass(frozen=True)
class Account:
    """cost: money of the whole fleet over the span, at the long-run rate. day, spent: the same as it grew, (n,).

    failures: those that could have been warned of; warned: of these, in time. actions: how often a machine was stopped.
    """

    cost: float
    day: NDArray[np.float64]
    spent: NDArray[np.float64]
    failures: int
    warned: int
    actions: int


def account(
    decisions: pd.DataFrame, events: pd.DataFrame, failure: str, decision: DecisionParams, period_s: float
) -> Account:
    """decisions: device, time, action, one a slot. events: device, time, kind. failure: the kind that is one.

    The fleet does not hear the decisions: each is judged against the failure that came. A life ends with its first
    action, and what the lives cost is scaled from the periods that they were used to all periods (see
    `pipelines.evaluate.lives`): else a rule that always acts would look cheap.
    """
    frame = decisions.sort_values(["device", "time"], kind="stable", ignore_index=True)
    steps = np.diff(epoch_seconds(frame["time"]), prepend=np.inf)
    frame = frame.assign(
        segment=np.cumsum(np.abs(steps) > 1.5 * period_s), life=life_left(frame, events, failure, period_s)
    )
    lives = find_lives(frame, period_s)
    acts = ~frame["action"].isin([NONE, ABSTAIN]).to_numpy()
    found = worth(acts, lives, decision)
    scale = len(frame) / float(found.used.sum())
    seconds = epoch_seconds(frame["time"])
    end = seconds[lives.start + found.used - 1]
    order = np.argsort(end, kind="stable")
    return Account(
        cost=float(found.cost.sum()) * scale,
        day=(end[order] - seconds.min()) / 86_400,
        spent=np.cumsum(found.cost[order]) * scale,
        failures=int(found.due.sum()),
        warned=int((found.due & found.timely).sum()),
        actions=int(np.isfinite(found.left).sum()),
    )
