"""The judgements of a use case, numbered from 1; none is written over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.files import Place, read_json
from pipelines.watch.finding import Finding

RECORD = "judgement.json"


def workspace_of(place: Place) -> Path:
    """The folder that `evidently ui --workspace` browses: a project a use case."""
    return place.root / ".fleetloop" / "evidently"


def next_folder(place: Place, use_case: str) -> Path:
    """A new folder for the next judgement."""
    folder = _folder(place, use_case) / str(max(_numbers(place, use_case), default=0) + 1)
    folder.mkdir(parents=True)
    return folder


def newest_findings(place: Place, use_case: str) -> tuple[Finding, ...]:
    """What the newest judgement found; nothing where there is none yet."""
    for number in sorted(_numbers(place, use_case), reverse=True):
        path = _folder(place, use_case) / str(number) / RECORD
        if path.exists():
            told: dict[str, Any] = read_json(path, f"fleetloop watch {use_case} LOG")
            return tuple(Finding.from_dict(f) for f in told.get("findings", []))
    return ()


def _folder(place: Place, use_case: str) -> Path:
    return place.untracked(use_case, "watch")


def _numbers(place: Place, use_case: str) -> list[int]:
    history = _folder(place, use_case)
    return [int(p.name) for p in history.glob("*") if p.name.isdigit()] if history.is_dir() else []
