"""`fleetloop up` over stub stages: drift starts one run, a cancelled one ends, what dies comes back, nothing stays."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import yaml

from flows.governor import Drift
from flows.guard import marked
from flows.up import control
from flows.up.deploy import deployments
from flows.up.plan import Plan, environment
from tests.builders.laps import edit
from tests.builders.loops import until, up
from tests.builders.stub import ROOT, stub_checkout


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    slow = "if test -e {root}/slow; then echo $$ > {root}/pid; exec sleep 654321; fi; touch left-{item}"
    root = stub_checkout(tmp_path_factory.mktemp("up") / "c", left=slow)
    text = (root / "dvc.yaml").read_text().replace("{root}", str(root))
    (root / "dvc.yaml").write_text(text)
    edit(root, **{"use_cases.a.retrain": {"cool_down_h": 0}})
    for name in ("edge", "pipelines", "flows"):
        (root / name).symlink_to(ROOT / name)
    with up(root) as found:
        yield found


@pytest.mark.slow
def test_every_service_answers_and_a_second_up_changes_nothing(loop):
    assert {state.name for state in control.look(loop.root) if state.healthy} == {
        "server", "pages", "evidently", "worker",
    }  # fmt: skip
    assert control.start(loop.root, "127.0.0.1", 1, "", print) == loop.plan
    names = {entry["name"] for entry in loop.ask("deployments/filter")}
    assert names == {"lap", *(f"{flow}-{name}" for flow in ("watch", "retrain", "backfill") for name in "ab")}


@pytest.mark.slow
def test_the_schedules_plan_their_runs(loop):
    for name in ("lap", "watch-a", "retrain-b"):
        planned = until(lambda name=name: [run for run in loop.runs(name) if run["auto_scheduled"]])
        assert "SCHEDULED" in {run["state"]["type"] for run in planned}


@pytest.mark.slow
def test_a_team_s_server_gets_the_same_deployments_by_the_compose_file_s_command(loop):
    command = yaml.safe_load((ROOT / "infra/compose/compose.yaml").read_text())["services"]["deployments"]["command"]
    before = {entry["name"] for entry in loop.ask("deployments/filter")}
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=loop.root, env=environment(loop.plan), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert {entry["name"] for entry in loop.ask("deployments/filter")} == before
    assert len(loop.ask("automations/filter")) == 3  # the heartbeat's, and a drift trigger a use case


@pytest.mark.slow
def test_a_burst_of_drift_events_makes_one_retraining(loop, capsys):
    loop.governor().found([Drift("f", "flow rose", datetime.now(UTC))])
    began = datetime.now(UTC)
    loop.emit(10)
    runs = until(lambda: loop.ended("retrain-a", 10))  # a late one would take the next test's place
    assert [line.outcome for line in loop.governor().read().lines if line.admitted] == ["published"]
    assert {run["state"]["name"] for run in runs} <= {"Completed", "Declined", "Cancelled"}
    assert not [run for run in loop.runs("retrain-b") if not run["auto_scheduled"]]  # the payload is not believed
    first = min(datetime.fromisoformat(run["start_time"]) for run in runs if run["start_time"])
    with capsys.disabled():
        print(f"\nfrom event to the run's first line: {(first - began).total_seconds():.1f} s")


@pytest.mark.slow
def test_a_cancelled_run_ends_its_training_and_frees_the_lease(loop):
    (loop.root / "slow").touch()
    (loop.root / "data/raw/d/x").write_text("other\n")
    run = loop.start("retrain-a", cause="ci")
    stage = int(until(lambda: (loop.root / "pid").exists() and (loop.root / "pid").read_text().strip()))
    (loop.root / "slow").unlink()
    loop.ask(f"flow_runs/{run['id']}/set_state", state={"type": "CANCELLING"}, force=True)
    until(lambda: stage not in marked(loop.plan.mark))
    until(lambda: loop.governor().read().lease is None)
    assert loop.governor().read().line_of(run["id"]).outcome == "cancelled"
    until(lambda: loop.ended("retrain-a"))  # only then does the deployment take the next one


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deployment", "wrong", "words"),
    [("retrain-a", {"use_case": "c"}, "no use case 'c'"), ("backfill-a", {"start": "2026-13-01"}, "month value")],
)
def test_a_wrong_parameter_is_one_clear_line_and_no_traceback(loop, deployment, wrong, words):
    run = loop.start(deployment, **wrong)["id"]
    state = loop.end_of(run)
    assert state["name"] == "Failed" and words in state["message"]
    until(lambda: any(words in line["message"] for line in loop.log(run)))
    said = [line["message"] for line in loop.log(run)]
    said.append((loop.root / ".fleetloop" / "up" / "worker.log").read_text())
    assert "Traceback" not in "\n".join(said), "\n".join(said)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["worker", "server"])
def test_a_service_that_was_killed_comes_back(loop, name):
    before = next(state for state in control.look(loop.root) if state.name == name)
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: [s for s in control.look(loop.root) if s.name == name and s.healthy and s.pid != before.pid])


@pytest.mark.slow
def test_runs_go_on_after_the_restarts_and_down_leaves_no_process(loop):
    loop.start("retrain-a", cause="hand")
    until(lambda: loop.governor().read().lines[-1].outcome == "published" and loop.ended("retrain-a"))
    assert control.stop(loop.root)
    until(lambda: marked(loop.plan.mark) == set(), seconds=10)  # the supervisor itself is the last to go
    assert control.look(loop.root) == []
    assert not control.stop(loop.root)


SUPERVISE = """
import sys
from pathlib import Path
from flows.up.plan import Plan, Service
from flows.up.supervise import Supervisor
plan = Plan(sys.argv[1], "127.0.0.1", 1, 2, 3, "", sys.argv[2])
sleep = [sys.executable, "-c", "import subprocess, sys; subprocess.run(['sleep', '54321'], start_new_session=True)"]
Supervisor(plan, [Service("a", sleep, None)]).run()
"""


@pytest.fixture
def supervisor(tmp_path):
    (tmp_path / ".fleetloop" / "up").mkdir(parents=True)
    plan = Plan(str(tmp_path), "127.0.0.1", 1, 2, 3, "", f"test-{tmp_path.name}")
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path), plan.token]
    process = subprocess.Popen(command, env=environment(plan) | {"PYTHONPATH": f"{ROOT}:{ROOT / 'edge'}"})
    until(lambda: len(marked(plan.mark)) >= 4)  # the supervisor, its guard, the service and what left its group
    yield plan, process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_however_the_supervisor_ends_nothing_of_it_is_left(supervisor, number):
    plan, process = supervisor
    process.send_signal(number)
    process.wait()
    until(lambda: marked(plan.mark) == set(), seconds=30)


DIES = """
import asyncio
from prefect.server.services.base import Service
from flows.up.server import end_with
class Automations(Service):
    async def start(self): {does}
    async def stop(self): pass
    service_settings = classmethod(lambda cls: None)
async def serve():
    async with Automations.running(): await asyncio.sleep(20)
Automations.enabled_services = classmethod(lambda cls: [Automations])
end_with(Automations)
asyncio.run(serve())
"""


def test_a_server_without_one_of_its_services_ends_so_that_it_is_started_anew():
    script = DIES.format(does="raise ConnectionError('the database went away')")
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(Plan(str(ROOT), "127.0.0.1", 1, 2, 3, "", "t")),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 70 and "the database went away" in done.stderr


def test_deployments_are_repeated_for_every_active_use_case_and_for_no_other():
    written = yaml.safe_load((ROOT / "infra" / "prefect.yaml").read_text())
    made = {entry["name"]: entry for entry in deployments(written, ["turbofan", "pumps"])["deployments"]}
    flows = ("watch", "retrain", "backfill")
    assert set(made) == {"lap", *(f"{flow}-{name}" for flow in flows for name in ("pumps", "turbofan"))}
    retrain = made["retrain-turbofan"]
    assert retrain["parameters"]["use_case"] == "turbofan" and "pumps" not in json.dumps(retrain)
    assert retrain["triggers"][0]["match"] == {"prefect.resource.id": "fleetloop.use-case.turbofan"}
    assert made["watch-pumps"]["schedules"][0]["cron"] != made["watch-turbofan"]["schedules"][0]["cron"]


def test_the_files_name_flows_and_parameters_that_there_are():
    written = yaml.safe_load((ROOT / "infra" / "prefect.yaml").read_text())
    for entry in written["deployments"]:
        path, _, name = entry["entrypoint"].partition(":")
        tree = ast.parse((ROOT / path).read_text())
        flow = next(node for node in tree.body if getattr(node, "name", "") == name)
        known = {argument.arg for argument in flow.args.args}
        assert set(entry["parameters"]) <= known, entry["name"]
        assert entry["concurrency_limit"]["limit"] == 1


def test_a_taken_port_is_said_with_the_next_step(tmp_path):
    from pipelines.errors import ParamsError

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ParamsError, match=f"127.0.0.1:{port} cannot be listened on .*fleetloop up --port N"):
            control.start(tmp_path, "127.0.0.1", port, "", print)


def test_a_database_that_has_no_address_is_refused_before_anything_starts(tmp_path):
    from pipelines.errors import ParamsError

    with pytest.raises(ParamsError, match=r"begins with postgresql\+asyncpg://"):
        control.start(tmp_path, "127.0.0.1", 4200, "nonsense", print)
