"""From models that passed to a bundle: convert, choose, replay, pack. Knows no paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.model import OnnxModel
from pipelines.errors import DataError
from pipelines.evaluate import ModelDecision, abstentions, actions, decision_metrics, epoch_seconds, find_lives, outcome
from pipelines.export.choice import Calibration, Choice, Contender, choose
from pipelines.export.contents import Facts, bundle_files
from pipelines.export.graphs import Exported, export_model, model_inputs, named, predict
from pipelines.export.latency import measure
from pipelines.export.parity import assert_parity, compare
from pipelines.export.pick import pick_devices
from pipelines.export.replay import Graph, Replayed, replay
from pipelines.export.report import Quality, report
from pipelines.params import DecisionParams, ExportSpec
from pipelines.tasks import Task
from pipelines.train import Model, Windows


@dataclass(frozen=True)
class Rules:
    """What decides: the task, the costs, the limits, and how the bootstrap draws."""

    task: Task
    decision: DecisionParams
    limits: ExportSpec
    resamples: int
    seed: int

    @property
    def unit(self) -> str:
        return "" if self.task.objective == "binary" else f"{self.decision.period}s"


@dataclass(frozen=True)
class Material:
    """What is exported from. predictions: as evaluate wrote them; rows: of held-out
    devices as received, without the values of rejected ones; as many devices at least as are replayed."""

    models: Mapping[str, Model]  # that passed
    learnt: Mapping[str, ModelDecision]
    predictions: pd.DataFrame
    calibration: Windows
    test: Windows
    rows: pd.DataFrame
    events: pd.DataFrame | None = None  # where the features ask for any


@dataclass(frozen=True)
class Made:
    """The bundle's files, its report, and what the clock said."""

    files: dict[str, bytes]
    report: dict[str, Any]
    latency: dict[str, Any]


def make_bundle(material: Material, facts: Facts, rules: Rules) -> Made:
    """Raises Refused where no model is small enough, or the device's code does not give the models' answers."""
    period_s = facts.features.period_s
    seen = _side(material.predictions, "calibration", len(material.calibration))
    exported = _export_all(material, seen, period_s, rules.limits)
    choice = _choose(exported, seen, period_s, rules)
    replayed = _replay(material, facts, exported, rules.limits.parity_rows)
    parity = compare(replayed, material.predictions, exported, period_s)
    assert_parity(parity, exported, rules.limits.parity_error_max)
    fallback = None if choice.fallback is None else exported[choice.fallback]
    files = bundle_files(exported[choice.chosen], fallback, facts, material.calibration, rules.limits.golden)
    said = report(exported, choice, parity, _quality(exported, material, period_s, rules), files)
    return Made(files, said, _latency(exported, material.calibration, replayed))


def _side(predictions: pd.DataFrame, side: str, expected: int) -> pd.DataFrame:
    frame = predictions[predictions["side"] == side].reset_index(drop=True)
    if len(frame) != expected:
        raise DataError(
            f"predictions.parquet has {len(frame)} rows of the {side} side, the features give {expected} windows; "
            f"they are of two versions: run `dvc repro` for evaluate again"
        )
    return frame


def _export_all(material: Material, seen: pd.DataFrame, period_s: float, limits: ExportSpec) -> dict[str, Exported]:
    fresh = find_lives(seen, period_s).fresh
    made = {}
    for name, model in material.models.items():
        learnt = material.learnt[name]
        abstain = abstentions(seen, learnt.decision.abstain_missing)
        made[name] = export_model(name, model, learnt, material.calibration, fresh, abstain, limits)
    return made


def _choose(exported: Mapping[str, Exported], seen: pd.DataFrame, period_s: float, rules: Rules) -> Choice:
    lives = find_lives(seen, period_s)
    contenders = []
    for name, model in exported.items():
        score = model.calibration[model.precision]
        acts = actions(seen.assign(**{name: score}), name, model.learnt.decision, lives.fresh)
        cost = decision_metrics(acts, lives, rules.decision)["cost_per_device"]
        contenders.append(Contender(name, named(model), model.size, model.precision, score, cost))
    compared_on = Calibration(
        objective=rules.task.objective,
        target=seen["target"].to_numpy(dtype=np.float32),
        device=pd.factorize(seen["device"])[0],
        resamples=rules.resamples,
        seed=rules.seed,
        currency=rules.decision.currency,
        unit=rules.unit,
    )
    return choose(contenders, compared_on, rules.limits.size_max)


def _replay(material: Material, facts: Facts, exported: Mapping[str, Exported], most: int) -> Replayed:
    graphs = {
        f"{name}.{precision}": Graph(OnnxModel(graph), model.inputs, model.scaler, model.learnt)
        for name, model in exported.items()
        for precision, graph in model.graphs.items()
    }
    since = first_asked(material.predictions)
    rows, cut = pick_devices(material.rows, since, most)
    return replay(rows, cut, facts.features, facts.channels, graphs, since, material.events)


def first_asked(predictions: pd.DataFrame) -> dict[str, float]:
    """Each held-out device, and the epoch seconds of its first row that is asked about."""
    begins = predictions[predictions["side"] == "test"].groupby("device")["time"].min()
    return dict(zip(begins.index.astype(str), epoch_seconds(begins), strict=True))


def _quality(exported: Mapping[str, Exported], material: Material, period_s: float, rules: Rules) -> Quality:
    """The task's own metrics of every form on the test side: reported, never chosen by."""
    test = _side(material.predictions, "test", len(material.test))
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, model in exported.items():
        found[name] = {}
        for precision, graph in model.graphs.items():
            frame = test.assign(**{name: predict(graph, model.inputs, model.scaler, material.test)})
            lives = find_lives(frame, period_s)
            acts = actions(frame, name, model.learnt.decision, lives.fresh)
            metrics = rules.task.metrics(outcome(frame, name))
            found[name][precision] = metrics | decision_metrics(acts, lives, rules.decision)
    return found


def _latency(exported: Mapping[str, Exported], vectors: Windows, replayed: Replayed) -> dict[str, Any]:
    which = np.unique(np.linspace(0, len(vectors) - 1, 64).astype(np.int64))
    inputs: dict[str, NDArray[np.float32]] = {
        name: model_inputs(model.inputs, model.scaler, vectors, which) for name, model in exported.items()
    }
    return measure(exported, inputs, 1e6 * replayed.seconds / max(1, len(replayed.scored)))
