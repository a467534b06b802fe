"""A lap whose worker, server or database fails at its steps: it recovers or stops clearly, and the next one goes on."""

import json
import subprocess
import sys
import time

import pytest

from pipelines.files import Place
from pipelines.release import champion, open_store
from tests.builders.remotes import processes_below
from tests.builders.servers import PrefectServer
from tests.builders.stub import environment, stub_checkout
from tests.faults.table import cases

pytestmark = pytest.mark.slow

SLOW = "test -e mended || sleep 6; "
STAGES = {
    "left": SLOW + "cp data/d/ingest/table left-{item}",
    "export": SLOW + "mkdir -p data/{item}/export/bundle && echo '{\"files\": {}}' > "
    "data/{item}/export/bundle/manifest.json",
}
ADDRESS = {"left": "left@a", "export": "export@a"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = PrefectServer(tmp_path_factory.mktemp("prefect"))
    found.start()
    yield found
    found.kill()


def start(folder, server, **more):
    command = [sys.executable, "-m", "tests.builders.stub", str(folder), "a"]
    return subprocess.Popen(
        command, env=environment(**server.environment, **more), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def until(lap, step):
    """Read the lap's lines until a step runs."""
    for line in lap.stdout:
        if ADDRESS[step] in line and "running" in line:
            return
    raise AssertionError(f"{step} never ran")


def next_lap_is_whole(folder, server):
    """What the next lap makes of what a failed one left; its ending is one release of one bundle."""
    server.start()
    (folder / "mended").touch()
    output, _ = start(folder, server).communicate(timeout=300)
    assert output.strip().splitlines()[-1] == "{}", output
    release = champion(open_store(Place(folder)), "a")
    assert release.version == 1 and not (folder / "data/release/releases/a/00000002.json").exists()
    assert (folder / "data/raw/d/x").read_text() == "one\n" and not list(folder.rglob("*.tmp"))


@cases("worker", "killed with -9")
def test_a_worker_killed_while_a_stage_runs(server, tmp_path, fault, step):
    folder = stub_checkout(tmp_path / "c", **{step: STAGES[step]})
    lap = start(folder, server)
    until(lap, step)
    lap.kill()
    lap.wait()
    assert champion(open_store(Place(folder)), "a") is None
    next_lap_is_whole(folder, server)


def test_a_server_killed_while_a_stage_runs(server, tmp_path):
    folder, step = stub_checkout(tmp_path / "c", left=STAGES["left"]), "left"
    lap = start(folder, server, PREFECT_CLIENT_MAX_RETRIES="1")  # by default it is waited for some minutes
    until(lap, step)
    server.kill()
    output, _ = lap.communicate(timeout=300)
    assert lap.returncode == 2, output
    assert f"fleetloop: Prefect's server at {server.address} no longer answers" in output
    assert not [word for word in ("Traceback", "Error logging", "EventsWorker") if word in output], output
    assert processes_below(folder) == []
    next_lap_is_whole(folder, server)


def test_a_server_that_hangs_and_a_database_that_is_locked_are_waited_for(server, tmp_path):
    folder = stub_checkout(tmp_path / "c", left=STAGES["left"], export=STAGES["export"])
    lap = start(folder, server)
    for step, trouble in (("left", server.hanging), ("export", server.database_locked)):
        until(lap, step)
        with trouble():
            time.sleep(8)
    output, _ = lap.communicate(timeout=300)
    assert json.loads(output.strip().splitlines()[-1]) == {}
    assert champion(open_store(Place(folder)), "a").version == 1


def test_a_server_that_is_not_there_is_one_line_and_nothing_begins(server, tmp_path):
    folder = stub_checkout(tmp_path / "c")
    (folder / "params.yaml").write_text("active: {datasets: [d], use_cases: {a: {dataset: d}}}\n")
    nobody = PrefectServer(tmp_path)
    lap = start(folder, nobody)
    output, _ = lap.communicate(timeout=300)
    assert lap.returncode != 0 and f"Prefect's server at {nobody.address} (PREFECT_API_URL) does not answer" in output
    assert not (folder / "dvc.lock").exists()
