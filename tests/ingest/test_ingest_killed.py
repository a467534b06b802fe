"""Killed at any point, and started again: the same bytes as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.ingest.commit import Change, finish
from tests.builders.raw import Checkout, table

T = 1_700_000_000
_CHILD = """
import sys
from pathlib import Path
from tests.builders.raw import Checkout
here = Checkout(Path(sys.argv[1]))
print("ready", flush=True)
here.ingest()
"""


def raw(here: Checkout, day: int) -> None:
    rng = random.Random(day)
    rows = [
        (f"p{i % 7}", T + day * 86400 + i * 60, rng.randint(1, 15) * 10**5, rng.choice([1, 2, 99])) for i in range(400)
    ]
    here.write(f"{day}.csv", table(rows + rows[:20]))


@pytest.mark.slow
def test_killed_at_any_point_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    whole, here = Checkout(tmp_path / "whole"), Checkout(tmp_path / "killed")
    for day in (0, 1):
        raw(here, day)
    began = time.monotonic()
    here.ingest()
    lasts = time.monotonic() - began
    rng = random.Random(5)
    for day in range(2, 7):
        raw(here, day)
        child = subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path / "killed")], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.2, 1.2) * lasts)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    report = here.ingest()
    for day in range(7):
        raw(whole, day)
    assert whole.ingest() == report
    assert whole.files() == here.files()


@pytest.mark.parametrize("applied", range(4))
def test_a_decided_change_is_ended_wherever_it_stopped(tmp_path: Path, applied: int) -> None:
    folder, work = tmp_path / "tables", tmp_path / "work"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "old").write_text("old")
    change = Change(folder, work)
    for name in ("a/one", "b/two", "a/three"):
        change.new(name).write_text(name)
    change.drop("a/old")

    class Killed(Exception):
        pass

    places = iter(range(10))

    def stop(*_: object) -> None:
        if next(places) == applied:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        replace = Path.replace
        patch.setattr(
            Path, "replace", lambda self, to: (stop() if work in self.parents else None, replace(self, to))[1]
        )
        with pytest.raises(Killed):
            change.commit()
    finish(folder, work)
    found = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    decided = {"a/one": "a/one", "b/two": "b/two", "a/three": "a/three"}
    assert found == (decided if applied else {"a/old": "old"}) and not work.exists()
