"""All that evaluation finds out, from scored rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.decide import decide_batch
from fleetloop_edge.spec import DecisionSpec, from_dict, to_dict
from pipelines.errors import DataError
from pipelines.evaluate.gates import Evidence, Verdict, judge
from pipelines.evaluate.lives import decision_metrics, find_lives
from pipelines.evaluate.resample import interval_95, resampled_means, row_loss
from pipelines.evaluate.scores import CANDIDATES, MODELS, abstentions, outcome
from pipelines.evaluate.slices import slice_rows
from pipelines.evaluate.thresholds import Choice, choose_threshold, conformal_interval
from pipelines.params import DecisionParams, EvaluateSpec
from pipelines.tasks import Task


@dataclass(frozen=True)
class Question:
    """What is asked: the task, how answers become decisions, and what is expected of them."""

    use_case: str
    title: str
    task: Task
    evaluate: EvaluateSpec
    decision: DecisionParams
    period_s: float
    seed: int

    @property
    def unit(self) -> str:
        """Of a score; "" for a probability."""
        return "" if self.task.objective == "binary" else f"{self.decision.period}s"


@dataclass(frozen=True)
class ModelDecision:
    """How one model's score becomes a decision; learnt on the calibration side."""

    kind: str
    decision: DecisionSpec
    interval: float  # half width, score units

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "decision": to_dict(self.decision), "interval": self.interval}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelDecision:
        return cls(data["kind"], from_dict(DecisionSpec, data["decision"]), data["interval"])


@dataclass(frozen=True)
class Judgement:
    """decisions and choices by model; metrics: model -> side -> metric; slices: model -> slice -> value -> metric."""

    decisions: dict[str, ModelDecision]
    choices: dict[str, Choice]
    metrics: dict[str, dict[str, dict[str, float]]]
    slices: dict[str, dict[str, dict[str, dict[str, float]]]]
    primary_95: dict[str, tuple[float, float]]  # bootstrap by device of the task's primary metric on the test side
    verdict: Verdict


def judge_models(scores: pd.DataFrame, kinds: Mapping[str, str], devices: pd.DataFrame, ask: Question) -> Judgement:
    """Learn thresholds and intervals on the calibration side, judge on the test side. kinds: model -> its kind.

    Raises DataError if a side has no rows or no known target.
    """
    sides = {side: _side(scores, side) for side in ("calibration", "test")}
    decisions, choices = {}, {}
    for name in MODELS:
        decisions[name], choices[name] = _learn(sides["calibration"], name, kinds[name], ask)
    metrics = {
        name: {side: _metrics(frame, name, decisions[name], ask) for side, frame in sides.items()} for name in MODELS
    }
    slices = {name: _by_slice(sides["test"], name, decisions[name], devices, ask) for name in MODELS}
    evidence = {name: Evidence(kinds[name], metrics[name]["test"], slices[name]) for name in MODELS}
    verdict = judge(ask.evaluate.gates, evidence, CANDIDATES, ask.task.higher_is_better)
    return Judgement(decisions, choices, metrics, slices, _primary_95(sides["test"], ask), verdict)


def actions(frame: pd.DataFrame, model: str, rule: DecisionSpec, fresh: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows (n,) of one side on which the model alone would act."""
    score = frame[model].to_numpy(dtype=np.float32)
    return decide_batch(rule, score, fresh, abstentions(frame, rule.abstain_missing))


def _side(scores: pd.DataFrame, side: str) -> pd.DataFrame:
    frame = scores[scores["side"] == side].reset_index(drop=True)
    if not np.isfinite(frame["target"]).any():
        raise DataError(
            f"the {side} side has {len(frame)} rows and none with a known target: more devices, other shares in "
            f"use_cases.<name>.split, or another seed there would give it some"
        )
    return frame


def _learn(frame: pd.DataFrame, name: str, kind: str, ask: Question) -> tuple[ModelDecision, Choice]:
    params, lives = ask.decision, find_lives(frame, ask.period_s)
    rule = DecisionSpec(
        action=params.action,
        direction=ask.task.direction,
        threshold=0.0,
        consecutive=params.consecutive,
        phrase=ask.task.phrase(params.period),
        unit=ask.unit,
        max_missing=params.max_missing,
        abstain_missing=params.abstain_missing,
    )
    score = frame[name].to_numpy(dtype=np.float32)
    choice = choose_threshold(rule, score, abstentions(frame, params.abstain_missing), lives, params)
    interval = conformal_interval(frame["target"].to_numpy(dtype=np.float32), score, ask.evaluate.coverage)
    return ModelDecision(kind, replace(rule, threshold=choice.chosen), interval), choice


def _metrics(frame: pd.DataFrame, name: str, learnt: ModelDecision, ask: Question) -> dict[str, float]:
    lives = find_lives(frame, ask.period_s)
    acts = actions(frame, name, learnt.decision, lives.fresh)
    found = ask.task.metrics(outcome(frame, name)) | decision_metrics(acts, lives, ask.decision)
    return found | _coverage(frame, name, learnt.interval)


def _coverage(frame: pd.DataFrame, name: str, interval: float) -> dict[str, float]:
    known = np.isfinite(frame["target"].to_numpy())
    if not known.any():
        return {}
    miss = np.abs(frame["target"].to_numpy(dtype=np.float64) - frame[name].to_numpy(dtype=np.float64))[known]
    return {"coverage": float((miss <= interval).mean())}


def _by_slice(
    frame: pd.DataFrame, name: str, learnt: ModelDecision, devices: pd.DataFrame, ask: Question
) -> dict[str, dict[str, dict[str, float]]]:
    binary = ask.task.objective == "binary"
    whole = outcome(frame, name)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in ask.evaluate.slices:
        found[kind] = {}
        for value, rows in slice_rows(kind, frame, devices, binary):
            part = type(whole)(**{key: array[rows] for key, array in vars(whole).items()})
            found[kind][value] = {"rows": float(rows.sum()), "devices": float(len(np.unique(part.device)))}
            found[kind][value] |= ask.task.metrics(part) | _coverage(frame[rows], name, learnt.interval)
    return found


def _primary_95(frame: pd.DataFrame, ask: Question) -> dict[str, tuple[float, float]]:
    """The primary metric's bootstrap interval: over the rows that the task's own protocol judges."""
    whole = outcome(frame, MODELS[0])
    binary = ask.task.objective == "binary"
    rows = np.isfinite(whole.target) & (True if binary else whole.last)
    if not rows.any():
        return {}
    losses = [row_loss(ask.task.objective, whole.target[rows], frame[m].to_numpy()[rows]) for m in MODELS]
    means = resampled_means(np.stack(losses, axis=1), whole.device[rows], ask.evaluate.bootstrap, ask.seed)
    values = means if binary else np.sqrt(means)
    return {name: interval_95(values[:, i]) for i, name in enumerate(MODELS)}


def judgement_files(found: Judgement) -> dict[str, Any]:
    """What the stage writes as JSON: metrics, decisions and gates."""
    decisions = {
        name: learnt.to_dict() | {"calibration": found.metrics[name]["calibration"]}
        for name, learnt in found.decisions.items()
    }
    return {"metrics": found.metrics, "decisions": decisions, "gates": found.verdict.to_dict()}
