"""What a lap leaves behind to look at: Prefect artifacts, and the HTML report beside the checkout's data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from pipelines.files import Place

if TYPE_CHECKING:
    from flows.progress import Lap


def show_report(lap: Lap, use_case: str) -> tuple[str, str]:
    """Write the report and the artifacts; the ending's name and a sentence. "Skipped" where nothing was evaluated.

    A refusal still has a report: it is where one reads why. Raises DataError where a file of the lap is missing.
    """
    place = Place(lap.root)
    gates = place.room(use_case, "evaluate") / "gates.json"
    if not gates.exists():
        return "Skipped", "nothing was evaluated, so there is nothing to report"
    from pipelines.report.lap import write_report

    key = use_case.replace("_", "-").lower()
    _gates(key, use_case, gates)
    _scores(key, use_case, place.room(use_case, "evaluate") / "metrics.json")
    page = write_report(place, use_case)
    create_markdown_artifact(
        f"# {use_case}\n\n[{page.name}]({page.as_uri()})\n\n`{page}`", key=f"{key}-report", description="Report"
    )
    return "Ran", f"report: {page}"


def _gates(key: str, use_case: str, path: Path) -> None:
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
    create_table_artifact([_flat(row) for row in rows], key=f"{key}-gates", description=f"Gates of {use_case}")


def _scores(key: str, use_case: str, path: Path) -> None:
    """One row a model, its test metrics as columns."""
    metrics: dict[str, Any] = json.loads(path.read_text())
    rows = [
        {"model": model, **_flat(found["test"])}
        for model, found in metrics.items()
        if isinstance(found, dict) and isinstance(found.get("test"), dict)
    ]
    create_table_artifact(rows, key=f"{key}-scores", description=f"Scores of {use_case} on the test side")


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Cells that a table can show: nested values are left to the report."""
    return {name: value for name, value in row.items() if not isinstance(value, (dict, list))}
