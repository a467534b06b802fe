"""Retention never frees what a lock file needs: of the checkout, of git's refs, of releases."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from flows.checkout import copy_checkout
from flows.locks import locks_of
from pipelines.errors import DataError
from pipelines.files import Place
from pipelines.release import FileFacts, Release, object_key, open_store
from pipelines.release.record import pointer_key
from tests.builders.laps import run

ROOT = Path(__file__).parents[2]
DATASET = {
    "title": "Meters",
    "period_s": 3600,
    "channels": {"flow": {"unit": "l/s", "min": 0, "max": 80}},
    "sources": {"a": {"files": "*.csv", "decoder": "table", "device": "{device}", "time": {"field": "t"}}},
    "storage": {"buckets": 1, "span": "month"},
    "retention": {"raw_days": 60, "rows_days": 40},
}


def meters(folder: Path, **more: object) -> Path:
    copy_checkout(ROOT, folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    case = params["use_cases"]["pumps"] | {"dataset": "meters"}
    params |= {"active": {"datasets": ["meters"], "use_cases": {}}, "datasets": {"meters": DATASET}}
    params |= {"use_cases": {"meters": case}, "demo": None}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for month in (1, 2, 6):
        lines = [f"p,2026-0{month}-{day:02d}T00:00:00Z,{month}" for day in range(1, 28)]
        (folder / "data" / "raw" / "meters").mkdir(parents=True, exist_ok=True)
        (folder / "data" / "raw" / "meters" / f"{month}.csv").write_text("\n".join(["device,t,flow", *lines]) + "\n")
    return folder


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def objects(folder: Path) -> set[str]:
    return {f.parent.name + f.name for f in (folder / ".dvc" / "cache" / "files").rglob("*") if f.is_file()}


@pytest.mark.slow
def test_the_cache_is_freed_when_the_last_lock_that_needs_it_has_gone(tmp_path: Path) -> None:
    folder = meters(tmp_path / "checkout")
    git(folder, "init", "--quiet", ".")
    (folder / ".dvc" / "config.local").unlink(missing_ok=True)
    (folder / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    drop = ("fleetloop", "retention", "meters", "--now", "2026-07-01")
    run(folder, "dvc", "add", "-q", "data/raw/meters")
    run(folder, "dvc", "repro", "-q", "ingest@meters")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "released")
    before = objects(folder)
    assert "nothing was changed" in run(folder, *drop, "--dry-run") and objects(folder) == before
    assert "needed by dvc.lock" in run(folder, *drop) and before <= objects(folder)
    assert [f.name for f in (folder / "data" / "raw" / "meters").glob("*.csv")] == ["6.csv"]
    run(folder, "dvc", "repro", "-q", "ingest@meters")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "two")
    assert "tags/released" in run(folder, *drop) and before <= objects(folder)
    git(folder, "tag", "-d", "released")
    assert "no lock file needs it" in run(folder, *drop)
    assert before - objects(folder) and "up to date" in run(folder, "dvc", "status", "ingest@meters")
    run(folder, "dvc", "checkout", "data/raw/meters", "ingest@meters")  # what is needed is all there


def test_a_release_s_lock_is_found_in_the_store_and_else_nothing_may_go(tmp_path: Path) -> None:
    folder = meters(tmp_path / "checkout")
    text = "stages:\n  ingest@meters:\n    deps:\n    - path: data/raw/meters\n      md5: 0123.dir\n"
    digest = "aa" * 32
    release = Release("meters", 1, "b", {"manifest.json": FileFacts("c", 1)}, {"dvc_lock": digest})
    store = open_store(Place(folder))
    store.swap_pointer(pointer_key("meters"), release.to_bytes(), None)
    with pytest.raises(DataError, match="release 1 of meters .* nothing is deleted"):
        locks_of(folder, "meters")
    store.put(object_key(digest), text.encode())
    assert [(one.lock, one.md5) for one in locks_of(folder, "meters")] == [("release 1 of meters", "0123.dir")]
