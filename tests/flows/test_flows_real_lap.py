"""The shipped stages, small: by hand and by flow alike, killed and taken up again."""

import shutil
import subprocess

import pytest
import yaml

from flows.environment import child_environment
from pipelines.files import Place
from pipelines.release import champion, open_store, publish
from tests.builders.laps import edit, run, tiny_checkout
from tests.builders.stub import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def own(lap, tmp_path):
    """The lap's checkout with its results, to be changed."""
    folder = tmp_path / "checkout"
    shutil.copytree(lap.root, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def stages_run(output):
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_the_flow_makes_what_dvc_makes_by_hand_to_the_byte(lap, prefect_server, tmp_path):
    folder = tiny_checkout(ROOT, tmp_path / "checkout")
    shutil.copytree(lap.root / "data" / "raw" / "pumps", folder / "data" / "raw" / "pumps")
    output = run(folder, "fleetloop", "run", "pumps")
    locks = [yaml.safe_load((root / "dvc.lock").read_text()) for root in (lap.root, folder)]
    assert locks[0] == locks[1]
    assert "export@pumps" in output and "report.html" in output
    assert champion(open_store(Place(folder)), "pumps").version == 1


def test_what_was_made_by_hand_the_flow_finds_unchanged_and_publishes(own, prefect_server):
    output = run(own, "fleetloop", "run")
    assert output.count("unchanged") >= 8 and "release 1" in output
    assert "release 1 in" in run(own, "fleetloop", "run") and "is this bundle already" in run(own, "fleetloop", "run")


def test_a_second_repro_runs_nothing(own):
    assert stages_run(run(own, "dvc", "repro")) == []


def test_a_model_s_param_reruns_only_from_its_training_on_and_so_does_a_killed_stage(own):
    """A kill -9 in the middle of training leaves nothing half-written, and the next run goes on from there."""
    edit(own, **{"use_cases.pumps.train.sequence.steps": 41})
    before = (own / "dvc.lock").read_bytes()
    lap = subprocess.Popen(["dvc", "repro"], cwd=own, env=child_environment(own), text=True, stdout=subprocess.PIPE)
    for line in lap.stdout:
        if line.startswith("gru"):
            subprocess.run(["pkill", "-9", "-P", str(lap.pid)], check=True)
            break
    lap.communicate()
    assert lap.returncode != 0 and (own / "dvc.lock").read_bytes() == before
    assert not list((own / "data").rglob("*.tmp"))
    ran = stages_run(run(own, "dvc", "repro"))
    assert ran == ["train_sequence@pumps", "evaluate@pumps", "export@pumps"]


def test_a_gate_that_says_no_ends_with_1_and_the_sentence_and_champion_and_report_stay(own, prefect_server):
    first = publish(open_store(Place(own)), "pumps", own / "data/pumps/export/bundle", {})
    edit(own, **{"use_cases.pumps.evaluate.gates": [{"metric": "log_loss", "at_most": 1e-6}]})
    done = subprocess.run(["fleetloop", "run"], cwd=own, env=child_environment(own), capture_output=True, text=True)
    assert done.returncode == 1 and "export@pumps" in done.stderr and "Traceback" not in done.stderr
    assert (own / ".fleetloop/pumps/report.html").exists()
    assert champion(open_store(Place(own)), "pumps") == first
