"""One stage by DVC: what it did is named, how it failed is understood, nothing of it outlives the lap."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from flows.checkout import fit_dvc_to_git
from flows.graph import Step
from flows.outcome import Outcome, write_outcome
from flows.reproduce import Processes, reproduce
from tests.builders.stub import stub_checkout

pytestmark = pytest.mark.slow
INGEST = Step("ingest@d", ())


@pytest.fixture
def stub(tmp_path):
    def make(**commands):
        folder = stub_checkout(tmp_path / "checkout", **commands)
        fit_dvc_to_git(folder)
        return folder

    return make


def go(folder, lines=None, processes=None):
    return reproduce(folder, INGEST, processes or Processes(), (lines if lines is not None else []).append)


def test_what_dvc_did_is_the_ending_s_state(stub):
    folder = stub()
    states = [go(folder).state, go(folder).state]
    (folder / "data/raw/d/x").write_text("two\n")
    states.append(go(folder).state)
    (folder / "data/raw/d/x").write_text("one\n")
    states.append(go(folder).state)
    assert states == ["Ran", "Unchanged", "Ran", "Restored"]


def test_a_stage_s_own_lines_pass_and_dvc_s_chatter_does_not(stub):
    lines = []
    go(stub(ingest="mkdir -p data/d/ingest; echo step 1/2; echo step 2/2; echo > data/d/ingest/table"), lines)
    assert lines == ["running", "step 1/2", "step 2/2"]


@pytest.mark.parametrize(
    ("status", "retryable", "state", "code"),
    [("refused", False, "Refused", 1), ("user_error", True, "Failed", 2), ("crashed", False, "Failed", 3)],
)
def test_a_failing_stage_says_how_by_its_outcome(stub, status, retryable, state, code):
    said = json.dumps({"stage": "ingest", "name": "d", "status": status, "reason": "why", "retryable": retryable})
    folder = stub(ingest=f"mkdir -p .fleetloop/d/ingest; echo '{said}' > .fleetloop/d/ingest/outcome.json; false")
    ending = go(folder)
    assert (ending.state, ending.exit_code, ending.retryable) == (state, code, retryable)
    assert ending.reason == "ingest@d: why"


def test_an_outcome_of_an_earlier_run_is_not_believed(stub):
    folder = stub(ingest="false")
    write_outcome(folder, Outcome("ingest", "d", "refused", "old"))
    ending = go(folder)
    assert ending.state == "Failed" and "old" not in ending.reason


def test_a_stage_killed_from_outside_may_be_retried(stub):
    said = json.dumps({"stage": "ingest", "name": "d", "status": "started"})
    ending = go(
        stub(ingest=f"mkdir -p .fleetloop/d/ingest; echo '{said}' > .fleetloop/d/ingest/outcome.json; kill -9 $$")
    )
    assert (ending.state, ending.retryable) == ("Killed", True)


def test_missing_raw_files_name_the_commands_that_bring_them(stub):
    folder = stub()
    (folder / "data/raw/d/x").unlink()
    (folder / "data/raw/d").rmdir()
    assert "data/raw/d does not exist; bring its files by `fleetloop data add d FOLDER`" in go(folder).reason


def test_a_stage_that_dvc_s_locks_hold_back_waits_for_them(stub):
    folder = stub(ingest="mkdir -p data/d/ingest; sleep 3; touch data/d/ingest/table")
    other = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "-q", "-s", "ingest@d"], cwd=folder)
    time.sleep(2.5)
    lines = []
    ending = go(folder, lines)
    assert other.wait() == 0
    assert ending.state == "Unchanged" and "DVC is busy with another process; trying again" in lines


def test_ending_the_lap_leaves_no_process_of_it(stub):
    sleep = f"sleep {9876543200 + os.getpid()}"
    folder = stub(ingest=f"{sleep} & {sleep}")
    processes, lines = Processes(), []
    ended = []

    def run():
        with pytest.raises(InterruptedError) as error:
            go(folder, lines, processes)
        ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while "running" not in lines:
        time.sleep(0.05)
    processes.end()
    thread.join()
    assert ended
    for _ in range(100):  # a killed process goes when the kernel gets to it
        if not (left := subprocess.run(["pgrep", "-f", sleep], capture_output=True).stdout):
            break
        time.sleep(0.1)
    assert left == b""


def test_nothing_starts_after_the_lap_was_ended(tmp_path):
    processes = Processes()
    processes.end()
    with pytest.raises(InterruptedError):
        processes.start(["true"], tmp_path)
