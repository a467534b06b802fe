"""How a stage ended, written by the stage's process for the flow: DVC's exit code does not say."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Status = Literal["started", "ok", "refused", "user_error", "crashed"]


@dataclass(frozen=True)
class Outcome:
    """stage and name as in `fleetloop stage STAGE NAME`; reason is one line, empty where all went well.

    `started` is what a killed process leaves behind.
    """

    stage: str
    name: str
    status: Status
    reason: str = ""
    retryable: bool = False


def outcome_path(root: Path, stage: str, name: str) -> Path:
    return root / ".fleetloop" / name / stage / "outcome.json"


def write_outcome(root: Path, outcome: Outcome) -> None:
    """Write whole or not at all, so that a reader never sees half a line."""
    path = outcome_path(root, outcome.stage, outcome.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(outcome)) + "\n")
    temporary.replace(path)


def read_outcome(root: Path, stage: str, name: str) -> Outcome | None:
    """None where the stage's process never started."""
    try:
        return Outcome(**json.loads(outcome_path(root, stage, name).read_text()))
    except FileNotFoundError:
        return None


def forget_outcome(root: Path, stage: str, name: str) -> None:
    outcome_path(root, stage, name).unlink(missing_ok=True)
