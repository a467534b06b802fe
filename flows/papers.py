"""A run's papers: report, model card, Data Docs, comparison and the change of dvc.lock, kept when its workspace is not.

They lie below .fleetloop/pages, which `fleetloop up` serves to the browser, at the paths that they have in a checkout,
so that their links to one another hold.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.files import Place, write_bytes

KEPT = 30
"""Runs whose papers stay, the newest."""


def pages(home: Path) -> Path:
    """What is shown to browsers, and nothing else."""
    return home / ".fleetloop" / "pages"


def url_of(home: Path, path: Path) -> str:
    """The address of a page: of the pages' server where there is one (FLEETLOOP_PAGES), else of the file."""
    base = os.environ.get("FLEETLOOP_PAGES")
    if base and path.is_relative_to(pages(home)):
        return f"{base.rstrip('/')}/{path.relative_to(pages(home))}"
    return path.as_uri()


def keep_papers(root: Path, home: Path, run: str, use_case: str, dataset: str, lock_lines: Sequence[str] = ()) -> Path:
    """Copy what people read of one use case's lap from the checkout `root`; the folder that stands for its root.

    lock_lines: what changed in dvc.lock.
    """
    place, folder = Place(root), pages(home) / "runs" / run
    for path in (
        place.untracked(use_case, "report").with_suffix(".html"),
        place.room(use_case, "evaluate") / "card",
        place.untracked(use_case, "release"),
    ):
        _copy(path, folder / path.relative_to(root))
    docs = place.untracked(dataset, "validate") / "docs"
    _copy(_data_docs(root, home, dataset), folder / docs.relative_to(root))
    write_bytes(lock_path(folder, use_case), "".join(f"{line}\n" for line in lock_lines).encode())
    _prune(pages(home) / "runs")
    return folder


def lock_path(papers: Path, use_case: str) -> Path:
    """Where the change of dvc.lock stands among a run's papers."""
    return papers / f"{use_case}-dvc-lock.diff"


def lock_change(before: str, after: str) -> list[str]:
    """The lines of dvc.lock that changed, as a unified diff without context."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=0)
    return list(lines)[2:]


def changed_stages(before: str, after: str) -> list[str]:
    """The stages whose entry in dvc.lock is not what it was."""
    import yaml

    old, new = ((yaml.safe_load(text) or {}).get("stages", {}) for text in (before, after))
    return sorted(name for name in new if old.get(name) != new[name])


def _data_docs(root: Path, home: Path, dataset: str) -> Path:
    """Data Docs of the dataset as `root` has it. They are no output of DVC's: where it skipped the stage, or took its
    results from the cache, they are those of the run that made them."""
    entry = _locked(root, f"validate@{dataset}")
    kept = pages(home) / "contracts" / dataset / hashlib.sha256(json.dumps(entry).encode()).hexdigest()[:16]
    for checkout in (root, home):
        docs = Place(checkout).untracked(dataset, "validate") / "docs"
        if docs.is_dir() and _locked(checkout, f"validate@{dataset}") == entry and not kept.exists():
            _copy(docs, kept)
    _prune(kept.parent)
    return kept


def _locked(root: Path, stage: str) -> Any:
    """The stage's entry in dvc.lock; None where it has none."""
    import yaml

    path = root / "dvc.lock"
    found = yaml.safe_load(path.read_text()) if path.exists() else None
    return (found or {}).get("stages", {}).get(stage)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _prune(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another run may prune at the same time
        by_age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for old in by_age[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
