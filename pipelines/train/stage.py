"""The two DVC stages of this room: the naive answer with LightGBM, and the sequence model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.files import Place, replacing_folder, write_bytes, write_json
from pipelines.params import UseCaseSpec, load_params
from pipelines.split import read_targets
from pipelines.train.build import MODELS
from pipelines.train.folds import cross_validate
from pipelines.train.load import load_windows
from pipelines.train.model import Answer, CurvePoint, Model
from pipelines.train.windows import Windows


def train_baseline(place: Place, name: str) -> None:
    """Write train/baseline (naive.json, model.txt, model.json), its curve and its cross-validation."""
    case = load_params(place.root).use_case(name)
    _train(place, name, case, ["naive", "lightgbm"], "baseline")


def train_sequence(place: Place, name: str) -> None:
    """Write train/sequence (weights.npz, model.json), its curve and its cross-validation."""
    case = load_params(place.root).use_case(name)
    _train(place, name, case, [case.train.sequence.kind], "sequence")


def _train(place: Place, name: str, case: UseCaseSpec, kinds: Sequence[str], below: str) -> None:
    spec = case.train.baseline if below == "baseline" else case.train.sequence
    train, valid = newest(place, name, spec.rows_max), load_windows(place, name, "valid")
    print(f"{name}: {len(train.known())} windows of {len(train.devices)} devices to learn from", flush=True)
    models: list[Model] = [MODELS[kind](case.train, case.task) for kind in kinds]
    for model in models:
        model.fit(train, valid)
    room = place.room(name, "train")
    with replacing_folder(room / below) as folder:
        for model in models:
            model.save(folder)
    write_curve(room / f"{below}_curve.csv", [point for model in models for point in model.curve])
    write_json(room / f"{below}_folds.json", _folds(place, name, case, kinds[-1], train))


def newest(place: Place, name: str, most: int | None) -> Windows:
    """The windows to learn from; where the params cap them (`rows_max`), the newest by time with a known target."""
    train = load_windows(place, name, "train")
    if most is None or len(train) <= most:
        return train
    known = train.known()
    time = read_targets(place, name)["time"].to_numpy()[known.row]
    return known.take(np.sort(np.argsort(time, kind="stable")[-most:]))


def _folds(place: Place, name: str, case: UseCaseSpec, kind: str, train: Windows) -> dict[str, Any]:
    """The cross-validation of one kind of model, as JSON; empty where it was not asked for or cannot be."""
    spec = case.train.baseline if kind == "lightgbm" else case.train.sequence
    if not spec.cross_validate:
        return {}
    fold = read_targets(place, name, ["fold"])["fold"].to_numpy()[train.row]
    found = cross_validate(lambda: MODELS[kind](case.train, case.task), train, fold, Answer.of(case.task))
    return {} if found is None else found.to_dict()


def write_curve(path: Path, curve: Sequence[CurvePoint]) -> None:
    """step,split,loss: one line a point."""
    lines = ["step,split,loss", *(f"{point.step},{point.split},{point.loss:.6g}" for point in curve)]
    write_bytes(path, ("\n".join(lines) + "\n").encode())
