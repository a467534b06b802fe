"""A run's papers keep their places to one another, and dvc.lock's change is said stage by stage."""

import os
import re

import pytest

from flows.papers import KEPT, changed_stages, keep_papers, lock_change, pages, url_of
from flows.up.pages import contents

LOCK = "schema: '2.0'\nstages:\n  a@x:\n    cmd: one\n  b@x:\n    cmd: {}\n"


@pytest.fixture
def root(tmp_path):
    for name in ("data/pumps/evaluate/card/card.md", ".fleetloop/pumps/report.html", ".fleetloop/raw/validate/docs/i"):
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    return tmp_path / "checkout"


def test_papers_lie_as_they_lay_in_the_checkout(root, tmp_path):
    folder = keep_papers(root, tmp_path / "home", "run-1", "pumps", "raw")
    assert folder == pages(tmp_path / "home") / "runs" / "run-1"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {
        "data/pumps/evaluate/card/card.md", ".fleetloop/pumps/report.html", ".fleetloop/raw/validate/docs/i",
        "pumps-dvc-lock.diff",
    }  # fmt: skip


def test_the_first_page_of_the_papers_leads_to_all_of_them(root, tmp_path):
    keep_papers(root, tmp_path, "run-1", "pumps", "raw", ["-old", "+new"])
    judged = pages(tmp_path) / "watch" / "pumps" / "7" / "report.html"
    judged.parent.mkdir(parents=True)
    judged.touch()
    page = contents(pages(tmp_path), "http://prefect")
    assert "http://prefect/runs/flow-run/run-1" in page and "pumps 7: Evidently report" in page
    found = [pages(tmp_path) / link for link in re.findall(r'href="/([^"]+)"', page)]
    assert {path.name for path in found} == {"report.html", "card.md", "pumps-dvc-lock.diff"}
    assert all(path.is_file() for path in found)
    assert "None yet" in contents(tmp_path / "empty", "http://prefect")


def test_only_the_newest_runs_papers_stay(root, tmp_path):
    for i in range(KEPT + 3):
        folder = keep_papers(root, tmp_path, f"run-{i}", "pumps", "raw")
        os.utime(folder, (i, i))
    left = {path.name for path in (pages(tmp_path) / "runs").iterdir()}
    assert len(left) == KEPT and f"run-{KEPT + 2}" in left and "run-0" not in left


def test_the_address_is_the_pages_server_s_where_there_is_one(tmp_path, monkeypatch):
    path = pages(tmp_path) / "runs" / "r" / "report.html"
    monkeypatch.delenv("FLEETLOOP_PAGES", raising=False)
    assert url_of(tmp_path, path) == path.as_uri()
    monkeypatch.setenv("FLEETLOOP_PAGES", "http://127.0.0.1:4202/")
    assert url_of(tmp_path, path) == "http://127.0.0.1:4202/runs/r/report.html"


def test_the_lock_s_change_names_stages_and_lines():
    before, after = LOCK.format("two"), LOCK.format("three")
    assert changed_stages(before, after) == ["b@x"] and changed_stages("", after) == ["a@x", "b@x"]
    assert lock_change(before, after)[1:] == ["-    cmd: two", "+    cmd: three"]
    assert lock_change(after, after) == []
