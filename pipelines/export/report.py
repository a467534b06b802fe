"""report.json: sizes, precision and its reason, the choice, parity. Nothing in it is measured by a clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fleetloop_edge.bundle import MANIFEST
from pipelines.export.choice import Choice
from pipelines.export.graphs import Exported
from pipelines.export.parity import ParityReport

Quality = Mapping[str, Mapping[str, Mapping[str, float]]]
"""model -> precision -> metric on the test side"""


def refusal(sentence: str) -> dict[str, Any]:
    """The report of an export that refused."""
    return {"refused": sentence, "models": {}}


def report(
    exported: Mapping[str, Exported], choice: Choice, parity: ParityReport, quality: Quality, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """The report of an export that made a bundle."""
    return {
        "chosen": choice.chosen,
        "precision": exported[choice.chosen].precision,
        "fallback": choice.fallback,
        "sentence": choice.sentence,
        "choice": [asdict(standing) for standing in choice.standings],
        "models": {name: _model(model, quality[name]) for name, model in exported.items()},
        "parity": asdict(parity),
        "bundle": {
            "id": hashlib.sha256(files[MANIFEST]).hexdigest(),
            "bytes": sum(len(data) for data in files.values()),
            "files": {name: len(data) for name, data in sorted(files.items())},
        },
    }


def _model(model: Exported, quality: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    return {
        "kind": model.kind,
        "inputs": model.inputs,
        "precision": model.precision,
        "reason": model.reason,
        "bytes": {precision: len(graph) for precision, graph in model.graphs.items()},
        "int8_weight_fraction": model.weight_fraction[model.precision],
        "int8_arithmetic_fraction": 0.0,
        "int8_on_calibration": None if model.difference is None else asdict(model.difference),
        "operators": model.operators,
        "test": quality,
    }
