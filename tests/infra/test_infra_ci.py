"""CI's retraining without GitHub: the scripts of the workflow against a bare git remote and a DVC remote in S3."""

import os
import shutil
import subprocess

import pytest

from flows.environment import child_environment
from flows.remote import pull, push
from tests.builders.laps import edit
from tests.builders.remotes import clone, commit, new_remote, sh, share, team_checkout
from tests.builders.stub import ROOT

pytestmark = pytest.mark.slow


def script(name, folder, *arguments, **environment):
    command = ["bash", str(ROOT / "infra" / "ci" / f"{name}.sh"), *map(str, arguments)]
    ours = {**child_environment(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'edge'}", **environment}
    return subprocess.run(command, cwd=folder, env=ours, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def branches(folder):
    """Branches of the bare remote, with their commits."""
    lines = sh(folder, "git", "ls-remote", "--heads", "origin").splitlines()
    return {name.removeprefix("refs/heads/"): commit for commit, name in (line.split() for line in lines)}


@pytest.fixture(scope="module")
def pushed(s3, tmp_path_factory):
    """A lap of the stub that was made, committed and pushed; and a branch `change` with new raw data but no new lap."""
    folder = team_checkout(tmp_path_factory.mktemp("pushed") / "team", new_remote())
    sh(folder, "dvc", "repro", "--quiet")
    commit(folder, "Lap")
    sh(folder, "git", "push", "--quiet", "origin", "main")
    push(folder)
    (folder / "data/raw/d/y").write_text("two\n")
    sh(folder, "dvc", "add", "--quiet", "data/raw/d")
    commit(folder, "New data")
    sh(folder, "git", "push", "--quiet", "origin", "main:change")
    push(folder)
    return folder


@pytest.fixture(scope="module")
def lapped(pushed):
    """CI's machine after its lap of the branch `change`, and what the lap left."""
    machine, out = on_change(pushed, pushed.parent / "machine"), pushed.parent / "out"
    done = script("retrain", machine, out, "origin/main")
    assert done.returncode == 0, done.stdout
    return machine, out


@pytest.fixture
def team(pushed, tmp_path):
    """The team's git remote, for this test alone; `clone(team, ...)` gives a machine."""
    shutil.copytree(pushed.with_suffix(".git"), tmp_path / "team.git")
    return tmp_path / "team"


@pytest.fixture
def writer(team, tmp_path):
    """The machine of the job that may write: the default branch, no data."""
    folder = clone(team, tmp_path / "writer")
    sh(folder, "git", "fetch", "--quiet", "origin", "change")
    return folder


def on_change(team, folder):
    clone(team, folder)
    sh(folder, "git", "checkout", "--quiet", "--detach", "origin/change")
    return folder


def test_a_change_of_the_data_becomes_a_branch_on_which_repro_runs_nothing(lapped, writer, team, tmp_path):
    assert script("publish", writer, lapped[1]).returncode == 0
    (name,) = [name for name in branches(writer) if name.startswith("retrain/")]
    third = clone(team, tmp_path / "third")
    sh(third, "git", "checkout", "--quiet", name)
    assert "skip ci" in sh(third, "git", "log", "-1", "--format=%B")
    assert sh(third, "git", "diff", "--name-only", "origin/change").split() == ["dvc.lock"]
    pull(third)
    assert "Running stage" not in sh(third, "dvc", "repro")


def test_another_machine_makes_the_same_commits_so_doing_it_again_pushes_nothing(lapped, writer, team, tmp_path):
    other = on_change(team, tmp_path / "other")
    assert script("retrain", other, tmp_path / "out", "origin/main").returncode == 0
    found = []
    for out in (lapped[1], tmp_path / "out"):
        assert script("publish", writer, out).returncode == 0
        found.append(branches(writer))
    assert found[0] == found[1] and sum(name.startswith("retrain/") for name in found[0]) == 1


def test_only_the_branches_of_a_retraining_are_taken_from_what_the_lap_left(lapped, writer, tmp_path):
    """The bundle is made by the code under review: it may hold anything."""
    machine, out = lapped[0], tmp_path / "out"
    out.mkdir()
    sh(machine, "git", "branch", "--force", "evil", "HEAD")
    (made,) = sh(machine, "git", "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").split()
    sh(machine, "git", "bundle", "create", "--quiet", str(out / "branches.git"), "evil", made, "^HEAD~1")
    before = branches(writer)
    assert script("publish", writer, out).returncode == 0
    assert set(branches(writer)) - set(before) == {made}


def test_where_nothing_changed_nothing_is_pushed(team, tmp_path):
    machine = clone(team, tmp_path / "machine")
    assert script("retrain", machine, tmp_path / "out", "origin/main").returncode == 0
    assert "nothing to push" in script("publish", machine, tmp_path / "out").stdout
    assert "nothing changed" in (tmp_path / "out" / "comment.md").read_text()


def test_a_lap_that_fails_is_told_and_ends_so_with_what_was_computed_kept(team, tmp_path):
    machine = on_change(team, tmp_path / "machine")
    text = (machine / "dvc.yaml").read_text().replace("cp data/d/ingest/table right-${item}", "exit 3")
    (machine / "dvc.yaml").write_text(text)
    done = script("retrain", machine, tmp_path / "out", "origin/main")
    assert done.returncode not in (0, 2) and "failed to reproduce 'right@a'" in done.stdout, done.stdout
    assert "failed to reproduce" in (tmp_path / "out" / "lap.log").read_text()
    assert (tmp_path / "out" / "comment.md").exists()


def test_a_remote_that_is_down_stops_it_before_the_lap(team, tmp_path):
    machine = clone(team, tmp_path / "machine")
    done = script("retrain", machine, tmp_path / "out", "origin/main", AWS_ENDPOINT_URL_S3="http://127.0.0.1:9")
    assert done.returncode == 2 and "fleetloop: `dvc pull` with s3://" in done.stdout
    assert not (tmp_path / "out" / "lap.log").exists() and "Traceback" not in done.stdout


def test_a_name_that_is_no_use_case_never_reaches_a_command(team, tmp_path):
    machine = clone(team, tmp_path / "machine")
    done = script("retrain", machine, tmp_path / "out", "origin/main", USE_CASES="a; touch owned")
    assert done.returncode == 2 and "no name of a use case" in done.stdout and not (machine / "owned").exists()


def test_a_changed_param_of_the_shipped_use_case_is_retrained_and_commented_with_figures(lap, s3, tmp_path):
    team = tmp_path / "team"
    shutil.copytree(lap.root, team, ignore=shutil.ignore_patterns("__pycache__", "tmp", "config.local"))
    shutil.copyfile(ROOT / ".gitignore", team / ".gitignore")
    share(team, new_remote(), "data/raw/pumps")
    push(team)
    machine = clone(team, tmp_path / "machine")
    sh(machine, "git", "config", "user.name", "A Person")
    sh(machine, "git", "config", "user.email", "person@example.org")
    edit(machine, **{"use_cases.pumps.train.baseline.trees": 31})
    commit(machine, "One tree more")
    at = "https://example.org/raw"
    its_own_code = {"PYTHONPATH": child_environment(machine)["PYTHONPATH"]}
    done = script("retrain", machine, tmp_path / "out", "origin/main", FIGURES_URL=at, **its_own_code)
    assert done.returncode == 0, done.stdout
    ran = [line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")]
    assert ran == ["train_baseline@pumps", "evaluate@pumps", "export@pumps"]
    comment = (tmp_path / "out" / "comment.md").read_text()
    assert "| params.yaml | use_cases.pumps.train.baseline.trees | 30 | 31 |" in comment
    (scores,) = [line for line in comment.splitlines() if line.startswith("| log loss |") and "→" in line]
    assert scores.endswith("| as before |")  # LightGBM's changed, the GRU's did not
    assert at + "/retrain-figures/" in comment
    for words in ("Scores on the test devices", "Gates", "Metrics against"):
        assert words in comment
    assert script("publish", machine, tmp_path / "out").returncode == 0
    (figures,) = [name for name in branches(machine) if name.startswith("retrain-figures/")]
    sh(machine, "git", "fetch", "--quiet", "origin", figures)
    assert "pumps/curves.svg" in sh(machine, "git", "ls-tree", "-r", "--name-only", "FETCH_HEAD").split()
