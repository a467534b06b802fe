"""What a lap changed in metrics and parameters against a revision, by DVC's own diff, as Markdown."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flows.environment import child_environment
from pipelines.errors import DataError
from pipelines.report.words import METRICS, metric, number

_LETTERS = 60  # of a value that the tables show


@dataclass(frozen=True)
class Change:
    """One value of a file. before, now: None where it was not, or is no more."""

    file: str
    name: str
    before: Any
    now: Any


def changes(root: Path, kind: Literal["metrics", "params"], revision: str) -> list[Change]:
    """What differs from `revision`, by file and name. Raises DataError where git does not know the revision."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", kind, "diff", "--json", revision],
        cwd=root, env=child_environment(root), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        reason = " ".join(done.stderr.split())[-300:]
        raise DataError(f"DVC cannot compare {kind} with {revision!r}: {reason}; name a commit of this repository")
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(done.stdout or "{}")
    return [
        Change(file, name, told.get("old"), told.get("new"))
        for file, values in sorted(found.items())
        for name, told in sorted(values.items())
    ]


def scores_table(found: Sequence[Change], file: str, models: Mapping[str, str]) -> list[str]:
    """The metrics of the test side in `file`, a row a metric and a column a model; empty where none changed.

    models: the columns, with their names as people say them.
    """
    told: dict[str, dict[str, Change]] = {}
    for change in found:
        model, _, name = change.name.partition(".test.")
        if change.file == file and model in models and name in METRICS:
            told.setdefault(name, {})[model] = change
    if not told:
        return []
    rows = [[metric(name), *(_from_to(told[name].get(model)) for model in models)] for name in METRICS if name in told]
    return _table(["test side", *models.values()], rows)


def changes_table(found: Sequence[Change]) -> list[str]:
    """Every change in a row of its own."""
    rows = [[change.file, change.name, _cell(change.before), _cell(change.now)] for change in found]
    return _table(["file", "name", "before", "now"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _from_to(change: Change | None) -> str:
    if change is None:
        return "as before"
    if change.before is None:
        return number(change.now)
    return f"{number(change.before)} → {number(change.now)}"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
