"""What later rooms read of an evaluation."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipelines.evaluate.judgement import ModelDecision
from pipelines.files import Place, read_json, read_table


def read_predictions(place: Place, use_case: str) -> pd.DataFrame:
    """Scored rows of the calibration and the test side, a column a model. Raises DataError if they are not there."""
    return read_table(place.room(use_case, "evaluate") / "predictions.parquet", _made_by(use_case))


def read_decisions(place: Place, use_case: str) -> dict[str, ModelDecision]:
    """Threshold, rule and interval of each model."""
    found = _json(place, use_case, "decisions.json")
    return {name: ModelDecision.from_dict(entry) for name, entry in found.items()}


def read_gates(place: Place, use_case: str) -> dict[str, Any]:
    """{rows: [GateResult as dict], passed: {model: bool}}."""
    found: dict[str, Any] = _json(place, use_case, "gates.json")
    return found


def read_metrics(place: Place, use_case: str) -> dict[str, dict[str, dict[str, float]]]:
    """model -> side -> metric -> value."""
    found: dict[str, dict[str, dict[str, float]]] = _json(place, use_case, "metrics.json")
    return found


def _json(place: Place, use_case: str, name: str) -> Any:
    return read_json(place.room(use_case, "evaluate") / name, _made_by(use_case))


def _made_by(use_case: str) -> str:
    return f"dvc repro evaluate@{use_case}"
