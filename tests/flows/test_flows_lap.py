"""The flow over stub stages, as `fleetloop run` runs it: states, failures, artifacts, two at once, interruption."""

import json
import os
import signal
import subprocess
import urllib.request

import pytest
import yaml

from tests.builders.stub import environment, run_lap, start_lap, stub_checkout

pytestmark = pytest.mark.slow


def ask(server, path, **body):
    request = urllib.request.Request(
        f"{server}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def last_run(server, root):
    """The last flow run in `root`."""
    runs = ask(server, "flow_runs/filter", sort="START_TIME_DESC", limit=50)
    return next(run for run in runs if run["parameters"].get("root") == str(root))


def states(server, root):
    """State names by task name of the last flow run in `root`."""
    tasks = ask(server, "task_runs/filter", flow_runs={"id": {"any_": [last_run(server, root)["id"]]}})
    return {task["name"]: task["state_name"] for task in tasks}


def test_a_lap_is_a_task_a_stage_and_the_next_one_finds_all_unchanged(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c")
    assert run_lap(folder, "a") == {}
    first = states(prefect_server, folder)
    assert run_lap(folder, "a") == {}
    stages = ("ingest@d", "left@a", "right@a", "export@a", "publish@a")
    assert {name: first[name] for name in stages} == dict.fromkeys(stages, "Ran")
    assert last_run(prefect_server, folder)["name"] == "a-lap-hand"
    assert states(prefect_server, folder) == dict.fromkeys(stages, "Unchanged") | {"report@a": "Skipped"}


def test_what_dvc_made_by_hand_the_flow_finds_unchanged_with_the_same_lock(prefect_server, tmp_path):
    by_hand, by_flow = stub_checkout(tmp_path / "h"), stub_checkout(tmp_path / "f")
    subprocess.run(["dvc", "config", "--local", "core.no_scm", "true"], cwd=by_hand, check=True)
    subprocess.run(["dvc", "repro", "-q"], cwd=by_hand, check=True)
    run_lap(by_flow, "a", "b")
    locks = [yaml.safe_load((folder / "dvc.lock").read_text()) for folder in (by_hand, by_flow)]
    assert locks[0] == locks[1]  # DVC writes the entries in the order in which stages end
    run_lap(by_hand, "a", "b")
    assert states(prefect_server, by_hand)["export@b"] == "Unchanged"


def test_one_use_case_s_failure_stops_no_other(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c", left='test "{item}" = b && touch left-{item}')
    failures = run_lap(folder, "a", "b")
    assert list(failures) == ["a"] and failures["a"][0] == 2 and "left@a" in failures["a"][1]
    found = states(prefect_server, folder)
    assert (found["publish@b"], found["export@a"], found["publish@a"]) == ("Ran", "NotReady", "NotReady")


def test_a_refusal_is_not_retried_and_a_killed_stage_is(prefect_server, tmp_path):
    say = 'mkdir -p .fleetloop/{item}/left; echo x >> tries-{item}; echo \'{"stage": "left", "name": "{item}", '
    refuse = say + '"status": "refused", "reason": "no"}\' > .fleetloop/{item}/left/outcome.json; false'
    kill = say + '"status": "started"}\' > .fleetloop/{item}/left/outcome.json; kill -9 $$'
    folder = stub_checkout(tmp_path / "c", left=f"if test {{item}} = a; then {refuse}; else {kill}; fi")
    failures = run_lap(folder, "a", "b")
    tries = [len((folder / f"tries-{name}").read_text().split()) for name in "ab"]
    assert tries == [1, 3]
    assert failures["a"] == (1, "left@a: no") and "killed from outside" in failures["b"][1]
    assert "tried 3 times, run the same command again" in failures["b"][1]


def test_a_lap_goes_on_from_the_last_good_stage(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c", export="test -e mended && mkdir -p data/{item}/export/bundle && "
                           "echo '{\"files\": {}}' > data/{item}/export/bundle/manifest.json")  # fmt: skip
    assert run_lap(folder, "a")
    (folder / "mended").touch()
    assert run_lap(folder, "a") == {}
    found = states(prefect_server, folder)
    assert (found["left@a"], found["export@a"]) == ("Unchanged", "Ran")


def test_two_laps_at_once_in_one_checkout_both_finish(prefect_server, tmp_path):
    folder = stub_checkout(tmp_path / "c", left="sleep 1; touch left-{item}")
    laps = [start_lap(folder, "a", "b") for _ in range(2)]
    outputs = [lap.communicate(timeout=300)[0] for lap in laps]
    assert [json.loads(output.strip().splitlines()[-1]) for output in outputs] == [{}, {}]
    assert sum("another lap runs in this checkout" in output for output in outputs) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_lap_ends_its_stages_and_the_next_one_goes_on(prefect_server, tmp_path, number):
    sleep = f"sleep {8765432100 + os.getpid()}"
    folder = stub_checkout(tmp_path / "c", left=f"test -e mended || {sleep}; touch left-{{item}}")
    lap = start_lap(folder, "a")
    for line in lap.stdout:
        if "left@a" in line and "running" in line:
            lap.send_signal(number)
            break
    lap.communicate(timeout=60)
    assert lap.returncode != 0
    assert subprocess.run(["pgrep", "-f", sleep], capture_output=True).stdout == b""
    (folder / "mended").touch()
    assert run_lap(folder, "a") == {}


def test_without_a_server_a_temporary_one_is_started_and_ended(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    folder = stub_checkout(tmp_path / "c")
    output, _ = start_lap(folder, "a").communicate(timeout=300)
    assert output.strip().splitlines()[-1] == "{}"
    assert (folder / ".fleetloop" / "prefect" / "prefect.db").exists()
    assert subprocess.run(["pgrep", "-f", f"flows.server.*{folder}"], capture_output=True).stdout == b""


def test_the_prefect_command_line_lists_deployments(prefect_server):
    done = subprocess.run(["prefect", "deployment", "ls"], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
