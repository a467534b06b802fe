"""The model card's figures: which rows of the judgement each one shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.evaluate.judgement import Judgement, Question
from pipelines.evaluate.lives import epoch_seconds
from pipelines.evaluate.resample import row_loss
from pipelines.evaluate.scores import CANDIDATES, MODELS, outcome
from pipelines.report import figures
from pipelines.report.figures import Scored
from pipelines.report.page import Figure
from pipelines.report.words import label

Importance = Mapping[str, Mapping[str, float]]
Curves = Mapping[str, pd.DataFrame]
"""model -> columns step, split, loss"""


def truth_figures(test: pd.DataFrame, found: Judgement, ask: Question) -> list[Figure]:
    """Prediction against truth: a scatter of last rows for a number; for a probability its rise and its reliability."""
    if ask.task.objective == "regression":
        rows, which = _judged(test)
        text = (
            f"{which}. The band is the {ask.evaluate.coverage:.0%} conformal interval of "
            f"{label(found.decisions['sequence'].kind)}."
        )
        drawn = figures.truth_against_prediction(_scored(test[rows], "target", MODELS, found), ask.unit, _band(found))
        return [Figure("truth", drawn, text, wide=True)]
    known = test[np.isfinite(test["life"])]
    horizon = float(getattr(ask.task, "horizon", 1.0))
    rising = figures.score_before_failure(_scored(known, "life", CANDIDATES, found), horizon, ask.decision.period)
    asked = test[np.isfinite(test["target"])]
    series = [Scored(m, _label(found, m), asked[m].to_numpy(), asked["target"].to_numpy()) for m in CANDIDATES]
    return [
        Figure("truth", rising, f"Score on test rows by {ask.decision.period}s left; shaded: within the horizon."),
        Figure("reliability", figures.reliability(series), "What was predicted against what happened, test rows."),
    ]


def _judged(test: pd.DataFrame) -> tuple[NDArray[np.bool_], str]:
    """The rows (n,) that a number is judged on, and in words: the last ones, or all where those have no known truth."""
    known = np.isfinite(test["target"].to_numpy())
    last = known & outcome(test, MODELS[0]).last
    return (last, "Last row of each test device") if last.any() else (known, "Test rows whose truth is known")


def decision_figures(test: pd.DataFrame, found: Judgement, ask: Question) -> list[Figure]:
    """How the threshold was chosen, and one device's story."""
    curves = [
        (m, _label(found, m), found.choices[m].threshold[:-1], found.choices[m].cost[:-1], found.choices[m].chosen)
        if ask.task.direction == "above"
        else (m, _label(found, m), found.choices[m].threshold[1:], found.choices[m].cost[1:], found.choices[m].chosen)
        for m in CANDIDATES
    ]
    axis = f"threshold, {ask.unit}" if ask.unit else "threshold"
    cost = figures.cost_curves(curves, axis, ask.decision.currency)
    return [
        Figure(
            "cost", cost, "Cost a device over the threshold, calibration side; the dot is the one chosen.", wide=True
        ),
        _story(test, found, ask),
    ]


def model_figures(
    test: pd.DataFrame, found: Judgement, ask: Question, importance: Importance, curves: Curves
) -> list[Figure]:
    """Error by device, importance, training curves."""
    made = [_by_device(test, found, ask)]
    known = [(m, _label(found, m), importance[m]) for m in CANDIDATES if importance.get(m)]
    if known:
        text = "Share of each feature in what a model learnt: gain of its splits, or weight of its inputs."
        made.append(Figure("importance", figures.importance(known), text, wide=True))
    drawn = [
        (
            m,
            _label(found, m),
            {str(s): (p["step"].to_numpy(), p["loss"].to_numpy()) for s, p in curves[m].groupby("split")},
        )
        for m in CANDIDATES
        if m in curves and len(curves[m])
    ]
    if drawn:
        text = "Loss over trees or optimiser steps; the dashed side is cut from the train devices and stops nothing."
        made.append(Figure("curves", figures.training_curves(drawn), text, wide=True))
    return made


def _by_device(test: pd.DataFrame, found: Judgement, ask: Question) -> Figure:
    binary = ask.task.objective == "binary"
    rows = np.isfinite(test["target"].to_numpy()) if binary else _judged(test)[0]
    part = test[rows]
    names = sorted(part["device"].unique())
    errors = {}
    for model in MODELS:
        loss = row_loss(ask.task.objective, part["target"].to_numpy(), part[model].to_numpy())
        mean = pd.Series(loss).groupby(part["device"].to_numpy()).mean().reindex(names).to_numpy()
        errors[model] = (_label(found, model), mean if binary else np.sqrt(mean))
    unit = "mean log loss" if binary else f"absolute error, {ask.unit}"
    return Figure("devices", figures.error_by_device(names, errors, unit), "Error of each test device.", wide=True)


def _story(test: pd.DataFrame, found: Judgement, ask: Question) -> Figure:
    """The test device with most rows near failure; the first by name among equals."""
    near = test[test["life"] <= 2 * ask.decision.lead].groupby("device").size()
    name = str(near.sort_index().idxmax()) if len(near) else str(test["device"].iloc[0])
    rows = test[test["device"] == name]
    seconds = epoch_seconds(rows["time"])
    unit, each = ("day", 86_400.0) if ask.decision.period == "hour" else (ask.decision.period, ask.period_s)
    at = (seconds - seconds[0]) / each
    ends = at + rows["life"].to_numpy(dtype=np.float64) * ask.period_s / each
    soon = at[-1] + 24 * ask.period_s / each
    failures = np.unique(np.round(ends[np.isfinite(ends) & (ends <= soon)], 3))
    scored = [Scored(m, _label(found, m), at, rows[m].to_numpy()) for m in CANDIDATES]
    limits = {m: found.decisions[m].decision.threshold for m in CANDIDATES}
    axis = f"score, {ask.unit}" if ask.unit else "score"
    drawn = figures.one_device(unit, scored, limits, failures, axis)
    return Figure("story", drawn, f"{name}, a test device: scores, thresholds (dashed) and failures (red).", wide=True)


def _scored(frame: pd.DataFrame, x: str, models: tuple[str, ...], found: Judgement) -> list[Scored]:
    return [Scored(m, _label(found, m), frame[x].to_numpy(dtype=np.float64), frame[m].to_numpy()) for m in models]


def _band(found: Judgement) -> float:
    return found.decisions["sequence"].interval


def _label(found: Judgement, model: str) -> str:
    return label(found.decisions[model].kind)
