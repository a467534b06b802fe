"""What others read of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.errors import DataError
from pipelines.files import Place, read_json


def read_export_report(place: Place, use_case: str) -> dict[str, Any]:
    """report.json: chosen, fallback, sentence, choice, models, parity, bundle; or refused with the reason."""
    found: dict[str, Any] = read_json(place.room(use_case, "export") / "report.json", _made_by(use_case))
    return found


def bundle_path(place: Place, use_case: str) -> Path:
    """The bundle's folder. Raises DataError if there is none."""
    path = place.room(use_case, "export") / "bundle"
    if not (path / "manifest.json").is_file():
        raise DataError(f"{path} holds no bundle; make it with `{_made_by(use_case)}`")
    return path


def _made_by(use_case: str) -> str:
    return f"dvc repro export@{use_case}"
