"""From scores to decisions: a score beyond the threshold for some rows in a row becomes an action.

`Decider` is the definition, one row at a time; `decide_batch` says the same of a whole history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.spec import DecisionSpec

NONE = "none"
ABSTAIN = "abstain"
Answering = Literal["primary", "fallback", "nobody"]


@dataclass(frozen=True)
class Decision:
    """What the device says of one row. time, received: epoch seconds UTC. score, low, high: NaN when it abstains."""

    device: str
    time: float
    received: float
    action: str  # "none", the spec's action, or "abstain"
    score: float
    low: float
    high: float
    reason: str
    model: str  # which model answered; "" when nobody did


def missing_share(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of channels without a value (silent for longer than they are held). values: (..., C) of a slot."""
    return np.asarray(np.isnan(values).mean(axis=-1), dtype=np.float64)


def who_answers(spec: DecisionSpec, missing: float, fallback: bool) -> Answering:
    """Which model answers a row with this share of missing channels. spec: the primary's. fallback: is there one?"""
    if missing > spec.abstain_missing:
        return "nobody"
    if missing > spec.max_missing:
        return "fallback" if fallback else "nobody"
    return "primary"


class Decider:
    """One device's run of rows beyond the threshold. A new segment (a silence too long to bridge) starts anew."""

    def __init__(self, spec: DecisionSpec) -> None:
        self.spec = spec
        self._run = 0
        self._segment: int | None = None

    def push(
        self,
        score: float,
        low: float,
        high: float,
        *,
        device: str,
        time: float,
        received: float,
        segment: int = 0,
        model: str = "",
        spec: DecisionSpec | None = None,
    ) -> Decision:
        """The decision on one scored row.

        low, high: the conformal interval, score - interval and score + interval. spec: of the model that answered,
        where it is not the primary (each has its own threshold). A score that is no number is an abstention.
        """
        if not math.isfinite(score):
            return self.abstain(f"{model or 'the model'} gave no number", device, time, received, segment)
        self._enter(segment)
        by = spec or self.spec
        beyond = score > by.threshold if by.direction == "above" else score < by.threshold
        self._run = self._run + 1 if beyond else 0
        acts = self._run >= by.consecutive
        reason = _reason(by, score, self._run)
        return Decision(device, time, received, by.action if acts else NONE, score, low, high, reason, model)

    def abstain(self, reason: str, device: str, time: float, received: float, segment: int = 0) -> Decision:
        """A row on which nobody answers; it ends the run."""
        self._enter(segment)
        self._run = 0
        return Decision(device, time, received, ABSTAIN, math.nan, math.nan, math.nan, reason, "")

    def state(self) -> tuple[int, int | None]:
        """(rows in a row beyond the threshold, segment), to be saved and handed to `restore`."""
        return self._run, self._segment

    def restore(self, state: tuple[int, int | None]) -> None:
        self._run, self._segment = state

    def _enter(self, segment: int) -> None:
        if segment != self._segment:
            self._run, self._segment = 0, segment


def why_nobody(spec: DecisionSpec, missing: float) -> str:
    """The reason for an abstention, in words."""
    if missing > spec.abstain_missing:
        return f"{missing:.0%} of the channels are missing, more than {spec.abstain_missing:.0%}"
    return f"{missing:.0%} of the channels are missing, more than {spec.max_missing:.0%}, and there is no fallback"


def decide_batch(
    spec: DecisionSpec, score: NDArray[np.float32], fresh: NDArray[np.bool_], abstain: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Rows (n,) on which `Decider` would act, for rows sorted by device and time.

    fresh: True on the first row of a device or of a segment. abstain: rows on which nobody answers.
    """
    exact = score.astype(np.float64)  # against a Python float NumPy would round the threshold to float32
    beyond = exact > spec.threshold if spec.direction == "above" else exact < spec.threshold
    beyond &= ~abstain & np.isfinite(exact)
    rows = np.arange(len(score))
    # The last row at which the run could not have been longer: the row itself where it is not beyond, the row
    # before a fresh one.
    ends = np.where(~beyond, rows, np.where(fresh, rows - 1, -1))
    last = np.maximum.accumulate(ends) if len(ends) else ends
    acts: NDArray[np.bool_] = beyond & (rows - last >= spec.consecutive)
    return acts


def _reason(spec: DecisionSpec, score: float, run: int) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    sign = ">" if spec.direction == "above" else "<"
    if run == 0:
        opposite = "<=" if spec.direction == "above" else ">="
        return f"{spec.phrase}: {score:.3g}{unit} {opposite} {spec.threshold:.3g}{unit}"
    rows = "row" if run == 1 else "rows"
    return f"{spec.phrase}: {score:.3g}{unit} {sign} {spec.threshold:.3g}{unit} for {run} {rows}"
