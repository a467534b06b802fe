"""A workspace goes with its run: at its end by itself, after kill -9 by the next one, and never while the run lives."""

import subprocess
import sys

import pytest

from flows.ground import point_to
from flows.workspace import occupied, sweep, uncommitted, workspaces
from tests.builders.laps import commit_all, git
from tests.builders.stub import environment

LIVE = """
import sys, time
from pathlib import Path
from flows.workspace import occupied
with occupied(Path(sys.argv[1]), "run-1") as folder:
    folder.mkdir(parents=True)
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path):
    """A living process with a workspace."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(tmp_path)], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    yield process
    process.kill()
    process.wait()


def test_the_workspace_of_a_run_killed_with_9_is_swept_and_a_living_one_s_is_not(tmp_path, run):
    assert sweep(tmp_path) == [] and (workspaces(tmp_path) / "run-1").is_dir()
    run.kill()
    run.wait()
    assert sweep(tmp_path) == ["run-1"] and not (workspaces(tmp_path) / "run-1").exists()
    assert sweep(tmp_path) == []


def test_where_a_champion_was_made_nothing_is_swept(tmp_path, run):
    point_to(tmp_path, "pumps", workspaces(tmp_path) / "run-1")
    run.kill()
    run.wait()
    assert sweep(tmp_path) == [] and (workspaces(tmp_path) / "run-1").is_dir()


def test_a_run_that_ends_leaves_no_mark(tmp_path):
    with occupied(tmp_path, "run-2") as folder:
        folder.mkdir(parents=True)
    assert sweep(tmp_path) == [] and folder.is_dir()  # what it kept stays


def test_what_a_run_would_begin_without_is_named(tmp_path):
    assert uncommitted(tmp_path) == []
    (tmp_path / "params.yaml").write_text("a: 1\n")
    git(tmp_path, "init", "-q", "-b", "main")
    commit_all(tmp_path, "begin")
    for name in ("params.yaml", "dvc.lock", "notes.txt"):
        (tmp_path / name).write_text("b: 2\n")
    assert uncommitted(tmp_path) == ["params.yaml", "dvc.lock"]
