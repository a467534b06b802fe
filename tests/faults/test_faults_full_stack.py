"""Real laps through `fleetloop up` whose worker, server, database or store fails in the middle."""

import asyncio
import hashlib
import os
import shutil
import signal
import sqlite3
import time

import asyncpg
import pytest

from flows.guard import marked
from flows.workspace import workspaces
from pipelines.release import champion
from tests.builders.laps import commit_all, edit, git
from tests.builders.loops import TERMINAL, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loop(team_loop):
    """Candidates are published by their gates here; afterwards the parameters are what they were."""
    found = team_loop.loop
    before = shutil.copyfile(found.root / "params.yaml", found.root.parent / "params.before")
    change(found, **{"use_cases.pumps.release.rule": "gates", "use_cases.pumps.retrain.lease_s": 20})
    yield found
    shutil.copyfile(before, found.root / "params.yaml")
    commit_all(found.root, "as before")


def change(loop, **values):
    edit(loop.root, **values)
    commit_all(loop.root, "change")


def reaches(loop, run, beginning):
    """Wait until a line of the run's log begins so."""

    def told():
        assert loop.state(run)["type"] not in TERMINAL, loop.log(run)
        return [line for line in loop.log(run) if line["message"].startswith(beginning)]

    until(told)


def raw_files(loop):
    """What people and devices gave, labels among it: name and content."""
    files = sorted(path for path in (loop.root / "data/raw/pumps").rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def begun(loop):
    return [line.run for line in loop.governor("pumps").read().lines if line.admitted]


def test_a_worker_killed_with_9_while_it_trains(loop):
    """Its stages end, its run is called crashed, its lease is free; nothing is published, nothing of it stays."""
    before, raw = champion(loop.store, "pumps"), raw_files(loop)
    change(loop, **{"use_cases.pumps.train.sequence.steps": 150})
    run = loop.start("retrain-pumps", cause="hand")["id"]
    reaches(loop, run, "gru")
    worker, mine = loop.service("worker").pid, marked(f"PREFECT__FLOW_RUN_ID={run}")
    os.kill(worker, signal.SIGKILL)
    assert loop.end_of(run)["name"] in ("Crashed", "Cancelled", "Failed")
    until(lambda: not mine & marked(loop.plan.mark))
    until(lambda: loop.governor("pumps").read().lease is None)
    assert loop.governor("pumps").read().line_of(run).outcome in ("failed", "cancelled", "lost")
    assert champion(loop.store, "pumps") == before and raw_files(loop) == raw
    assert not [name for name in git(loop.root, "branch", "--list", "retrain/*").split() if run in name]
    until(lambda: loop.service("worker").healthy and loop.service("worker").pid != worker)


def test_a_database_and_a_server_that_die_in_one_lap(team_loop, loop, postgres):
    """They come back, and the run that was in flight ends as if nothing had been."""
    before, raw, runs = champion(loop.store, "pumps"), raw_files(loop), len(begun(loop))
    run = loop.start("retrain-pumps", cause="hand")["id"]
    reaches(loop, run, "gru")
    if postgres is not None:
        postgres.crash()
        time.sleep(5)
        postgres.start()
    else:
        lock_for(loop.root / ".fleetloop/prefect/prefect.db", 8)
    os.kill(loop.service("server").pid, signal.SIGKILL)
    until(lambda: loop.service("server").healthy)
    state = loop.end_of(run)
    assert state["name"] == "Completed", loop.log(run)
    assert champion(loop.store, "pumps").version == before.version + 1
    assert len(begun(loop)) == runs + 1 and raw_files(loop) == raw


def test_a_database_that_is_away_while_the_server_starts(loop, postgres):
    """Its automations could not be read: it ends, is started anew, and an event starts a run again."""
    if postgres is None:
        pytest.skip("no PostgreSQL here")
    runs, before = len(loop.ended("retrain-pumps", 0)), loop.service("server")
    asyncio.run(cut_off(postgres, "automation", lambda: os.kill(before.pid, signal.SIGKILL)))
    said = loop.root / ".fleetloop" / "up" / "server.log"
    until(lambda: "ReactiveTriggers died; the server ends" in said.read_text() and loop.service("server").healthy)
    loop.emit(1, "pumps")
    (run, *_) = until(lambda: loop.ended("retrain-pumps", runs + 1))
    assert run["state"]["name"] == "Declined" and run["parameters"]["cause"] == "drift"


async def cut_off(postgres, table, begin):
    """End whoever asks for a table after `begin`: as if the database had gone away under the question."""
    holder, other = [await asyncpg.connect(postgres.url.replace("+asyncpg", "")) for _ in range(2)]
    waiting = "select pid from pg_stat_activity where wait_event_type = 'Lock' and query ilike $1"
    async with holder.transaction():
        await holder.execute(f"lock table {table} in access exclusive mode")
        begin()
        while not (found := await other.fetch(waiting, f"%max({table}%")):
            await asyncio.sleep(0.2)
        for row in found:
            await other.execute(f"select pg_terminate_backend({row['pid']})")
    for connection in (holder, other):
        await connection.close()


def lock_for(path, seconds):
    """Somebody else writes to the SQLite database and does not end."""
    database = sqlite3.connect(path, timeout=60, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    database.execute("ROLLBACK")
    database.close()


def test_a_store_that_refuses_at_publish(team_loop, loop):
    """The old champion stays whole, the run says why; its lease runs out, and the next run publishes what it had."""
    before, failures = champion(loop.store, "pumps"), len(team_loop.notes.of("failure"))
    change(loop, **{"use_cases.pumps.export.int8_score_error_max": 0.51})
    team_loop.trouble.at("refuses", lambda method, path: method == "PUT" and "/champions/" in path)
    run = loop.start("retrain-pumps", cause="hand")["id"]
    state = loop.end_of(run)
    assert state["name"] == "Failed" and "release store s3://fleetloop/" in state["message"], loop.log(run)
    team_loop.trouble.mend()
    assert champion(loop.store, "pumps") == before
    assert state["message"] in [note["sentence"] for note in team_loop.notes.of("failure")[failures:]]
    until(lambda: loop.governor("pumps").read().lease is None, seconds=60)
    again = loop.start("retrain-pumps", cause="hand")["id"]
    assert loop.end_of(again)["name"] == "Completed", loop.log(again)
    assert champion(loop.store, "pumps").version == before.version + 1


@pytest.mark.parametrize("cause", ["drift", "schedule"])
def test_no_second_retraining_after_any_of_it(loop, cause):
    """The event is emitted again, the schedule fires again: the data and the findings were answered."""
    runs = begun(loop)
    run = loop.start("retrain-pumps", cause=cause)["id"]
    assert loop.end_of(run)["name"] == "Declined", loop.log(run)
    assert begun(loop) == runs
    assert len(list(workspaces(loop.root).iterdir())) <= 1  # the champion's own
