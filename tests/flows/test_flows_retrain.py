"""Retraining over stub stages: the governor's leave, a workspace beside the checkout, and what is left of a run."""

import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from flows.governor import Drift, Ledger, utc_now
from flows.ground import ground_of
from flows.workspace import open_workspace, workspaces
from pipelines.files import Place
from pipelines.params import load_params
from pipelines.release import champion, fetch, history, open_store
from tests.builders.laps import edit
from tests.builders.stub import environment, start_lap, stub_checkout

pytestmark = pytest.mark.slow


def ledger_of(folder, use_case="a"):
    limits = load_params(folder).use_case(use_case).retrain
    return Ledger(open_store(Place(folder)), use_case, limits)


def go(folder, cause="hand", workspace=False):
    from flows.retrain import retrain

    return retrain("a", str(folder), workspace=workspace, cause=cause, return_state=True)


def git(folder, *words):
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def with_history(folder):
    (folder / ".gitignore").write_text(
        "/data/*/*\n!/data/raw/*.dvc\n.fleetloop/\n.dvc/cache\n.dvc/tmp\n.dvc/config.local\n/left-*\n/right-*\n"
    )
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")
    return folder


def repro_runs(folder):
    done = subprocess.run(["dvc", "repro"], cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("Running stage")]


def test_where_time_is_replayed_the_governor_counts_in_that_time(prefect_server, tmp_path):
    from flows.retrain import retrain

    folder, day = stub_checkout(tmp_path / "c"), timedelta(days=1)
    begin = datetime(2031, 1, 1, tzinfo=UTC)
    moments = (begin, begin + day / 2, begin + 2 * day)
    names = [retrain("a", str(folder), cause="ci", now=now, return_state=True).name for now in moments]
    assert names[:2] == ["Completed", "Declined"]  # the cool-down is a day
    lines = ledger_of(folder).read().lines
    assert [(line.at.date().isoformat(), line.rule) for line in lines[:2]] == [
        ("2031-01-01", ""), ("2031-01-01", "cool-down"),
    ]  # fmt: skip
    assert lines[2].at.year == 2031 and lines[2].rule != "cool-down"


def test_a_retraining_is_on_record_and_its_release_says_why(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c")
    assert go(folder, "schedule").name == "Completed"
    (line,) = ledger_of(folder).read().lines
    assert (line.cause, line.outcome) == ("schedule", "published") and line.cpu_hours > 0
    (release,) = history(open_store(Place(folder)), "a")
    assert release.facts["cause"] == "schedule" and release.facts["run"] == line.run


def test_in_place_the_raw_files_that_came_since_are_taken_in_and_make_a_higher_version(prefect_server, tmp_path):
    of_its_data = (
        "mkdir -p data/{item}/export/bundle && cp left-{item} data/{item}/export/bundle/x && python seal.py {item}"
    )
    folder = stub_checkout(tmp_path / "c", export=of_its_data)
    seal = "import hashlib, json, pathlib, sys\nb = pathlib.Path('data', sys.argv[1], 'export/bundle')\n"
    seal += "x = (b / 'x').read_bytes()\nfacts = {'sha256': hashlib.sha256(x).hexdigest(), 'length': len(x)}\n"
    (folder / "seal.py").write_text(seal + "(b / 'manifest.json').write_text(json.dumps({'files': {'x': facts}}))\n")
    assert go(folder).name == "Completed"
    (folder / "data/raw/d/x").chmod(0o644)
    (folder / "data/raw/d/x").unlink()
    (folder / "data/raw/d/x").write_text("two\n")
    assert go(folder).name == "Completed"
    release = champion(open_store(Place(folder)), "a")
    assert release.version == 2
    fetch(open_store(Place(folder)), release, tmp_path / "got")
    assert (tmp_path / "got" / "x").read_text() == "two\n"


def test_the_same_question_on_the_same_data_is_declined_with_the_reason(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c")
    edit(folder, **{"use_cases.a.retrain": {"cool_down_h": 0}})
    go(folder, "schedule")
    state = go(folder, "schedule")
    assert state.name == "Declined" and "on these very data" in state.message
    assert state.result() == {"a": (1, state.message)}


def test_a_drift_event_without_a_finding_in_the_store_starts_nothing(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c")
    assert go(folder, "drift").name == "Declined"
    ledger_of(folder).found([Drift("f", "flow rose", utc_now())])
    assert go(folder, "drift").name == "Completed"
    assert ledger_of(folder).read().findings == () and (folder / "dvc.lock").exists()


def test_a_run_in_its_workspace_leaves_the_checkout_alone_and_a_branch_where_repro_runs_nothing(
    prefect_server, tmp_path
):
    folder = with_history(stub_checkout(tmp_path / "c"))
    before = git(folder, "status", "--porcelain")
    assert go(folder, "schedule", workspace=True).name == "Completed"
    assert git(folder, "status", "--porcelain") == before and not (folder / "dvc.lock").exists()
    (workspace,) = workspaces(folder).iterdir()  # stays: the champion's data stand in it
    assert ground_of(folder, "a").joinpath("data").resolve() == workspace / "data"
    (branch,) = git(folder, "branch", "--list", "retrain/*", "--format=%(refname:short)").splitlines()
    assert "cause: schedule" in git(folder, "log", "-1", "--format=%B", branch)
    git(folder, "checkout", "-q", branch)
    subprocess.run(["dvc", "checkout", "-q"], cwd=folder, env=environment(), check=False)  # b was not asked for
    subprocess.run(["dvc", "repro", "-q", "export@b"], cwd=folder, env=environment(), check=True)
    assert repro_runs(folder) == []
    assert champion(open_store(Place(folder)), "a").version == 1


def test_raw_files_that_came_after_the_committed_pointer_are_taken_in(tmp_path):
    folder = with_history(stub_checkout(tmp_path / "c"))
    for content in ("one\n", "two\n"):
        (folder / "data/raw/d/x").unlink()
        (folder / "data/raw/d/x").write_text(content)
        subprocess.run(["dvc", "add", "-q", "data/raw/d"], cwd=folder, env=environment(), check=True)
        if content == "one\n":
            git(folder, "add", ".")
            git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "pointer")
    assert (open_workspace(folder, "run-1", ["d"]) / "data/raw/d/x").read_text() == "two\n"


def test_without_git_the_workspace_stays_as_a_folder_where_repro_runs_nothing(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c")
    assert go(folder, "schedule", workspace=True).name == "Completed"
    assert not (folder / "dvc.lock").exists()
    (kept,) = workspaces(folder).iterdir()
    subprocess.run(["dvc", "repro", "-q", "export@b"], cwd=kept, env=environment(), check=True)
    assert repro_runs(kept) == []


def test_what_one_run_has_computed_the_next_finds_in_the_shared_run_cache(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c", left="echo x >> {root}/times; touch left-{item}")
    text = (folder / "dvc.yaml").read_text().replace("{root}", str(tmp_path))
    (folder / "dvc.yaml").write_text(text)
    edit(folder, **{"use_cases.a.retrain": {"cool_down_h": 0}})
    assert [go(folder, "hand", workspace=True).name for _ in range(2)] == ["Completed", "Completed"]
    assert (tmp_path / "times").read_text() == "x\n"


def test_a_failing_stage_fails_the_run_frees_the_lease_and_drops_the_workspace(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c", left="false")
    state = go(folder, "schedule", workspace=True)
    assert state.name == "Failed" and "left@a" in state.message
    record = ledger_of(folder).read()
    assert record.lease is None and record.lines[0].outcome == "failed"
    assert list(workspaces(folder).iterdir()) == []


def test_a_run_that_lost_its_lease_does_not_publish(prefect_server, tmp_path):
    """Stopped longer than its lease lasts, it finds another run in its place."""
    folder = stub_checkout(tmp_path / "c")
    record = folder / "data" / "release" / "governor" / "a.json"
    take = f"import json, pathlib; p = pathlib.Path({str(record)!r}); r = json.loads(p.read_text()); "
    take += "r['lease']['run'] = 'another'; p.write_text(json.dumps(r))"
    (folder / "take.py").write_text(take)
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())
    stages["stages"]["right"]["do"]["cmd"] = "python take.py && touch right-${item}"
    (folder / "dvc.yaml").write_text(yaml.safe_dump(stages))
    state = go(folder, "schedule")
    assert state.name == "Failed" and "not published" in state.message and "run another holds it now" in state.message
    assert champion(open_store(Place(folder)), "a") is None


def test_a_lap_killed_with_9_leaves_no_process_of_its_stages(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c", left="echo $$ > {item}.pid; exec sleep 765432")
    lap = start_lap(folder, "a")
    while not (folder / "a.pid").exists() or not (folder / "a.pid").read_text().strip():
        assert lap.poll() is None
        time.sleep(0.1)
    stage = int((folder / "a.pid").read_text())
    lap.send_signal(signal.SIGKILL)
    lap.wait()
    for _ in range(300):
        if not lives(stage):
            return
        time.sleep(0.1)
    os.kill(stage, signal.SIGKILL)
    raise AssertionError("the stage outlived its lap")


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_governor_s_word_and_the_ending_are_on_the_run_s_page(prefect_server, tmp_path):
    import urllib.request

    folder = stub_checkout(tmp_path / "c")
    go(folder, "schedule")
    run = ledger_of(folder).read().lines[0].run
    body = json.dumps({"artifacts": {"flow_run_id": {"any_": [run]}}}).encode()
    request = urllib.request.Request(f"{prefect_server}/artifacts/filter", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        keys = {artifact["key"] for artifact in json.load(answer)}
    assert "a-governor" in keys
