"""The flow `backfill`: judge a field log as it was known at each moment of a past span; what is done is skipped.

Backfilled judgements are reports to look at. Each is made on a ground of its own below .fleetloop/backfill, where the
data are the checkout's and the history is empty: no ticket is filed, nothing is sent, no training starts.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from prefect import Task, flow
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import wait
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.checkout import CODE
from flows.ending import not_done, wrong_parameters
from flows.errand import ended_clearly
from flows.ground import ground_of
from flows.reproduce import Processes
from flows.steps import RUNNER
from flows.why import Why
from pipelines.errors import DataError, ParamsError
from pipelines.files import write_json
from pipelines.params import load_params

DRIFTED = 1  # what `fleetloop watch` exits with where the world drifted
_TASK = "judge"


@dataclass(frozen=True)
class Moment:
    """One judgement to make. key: hash of all that it stands on."""

    day: date
    ground: Path
    key: str

    @property
    def done(self) -> Path:
        return self.ground / "done.json"

    def result(self) -> dict[str, Any] | None:
        """What was found; None where it is still to do, or was done on other data."""
        if not self.done.exists():
            return None
        told: dict[str, Any] = json.loads(self.done.read_text())
        return told if told["key"] == self.key else None


@flow(
    name="backfill",
    flow_run_name="{use_case}-backfill-{start}-to-{stop}",
    task_runner=RUNNER,
    persist_result=False,
    on_failure=[wrong_parameters],
)
def backfill(
    use_case: str, log: str, start: date, stop: date, every_days: int = 7, max_parallel: int = 2, root: str = "."
) -> Any:
    """Judge `log` as known at the end of each step of `every_days` from `start` to `stop`, `max_parallel` at once.

    Ends Failed where a judgement failed; the others stay done.
    """
    home = Path(root).resolve()
    span = (start, stop, every_days)
    why = Why("backfill", run=str(flow_run.id))
    return ended_clearly(home, [use_case], why, lambda: _backfill(use_case, home, home / log, span, max_parallel))


def _backfill(use_case: str, home: Path, log: Path, span: tuple[date, date, int], most: int) -> State[Any]:
    load_params(home).use_case(use_case)
    if not log.is_dir():
        raise DataError(f"{log} does not exist; `fleetloop score BUNDLE ROWS -o {log}` writes a field log")
    moments = list(_moments(use_case, home, log, *span))
    left = [moment for moment in moments if moment.result() is None]
    get_run_logger().info("%d judgements, %d of them done already", len(moments), len(moments) - len(left))
    processes = Processes(side_by_side=most)
    try:
        judge = Task(_judge, name=_TASK, task_run_name="{moment.day}", cache_policy=NO_CACHE, persist_result=False)
        futures = [judge.submit(moment, use_case, home, log, processes) for moment in left]
        wait(futures)
    finally:
        processes.end()
    return _told(use_case, moments, [str(f.state.message) for f in futures if not f.state.is_completed()], len(left))


def _moments(use_case: str, home: Path, log: Path, start: date, stop: date, every_days: int) -> Iterator[Moment]:
    if every_days < 1 or stop <= start:
        raise ParamsError(f"nothing lies between {start} and {stop} in steps of {every_days} days; give a later --to")
    digest = hashlib.sha256()
    for path in (log / "log.json", log / "rows" / "manifest.json", home / "params.yaml", home / "dvc.lock"):
        digest.update(path.read_bytes() if path.exists() else b"")
    day = start + timedelta(days=every_days)
    while day <= stop:
        key = hashlib.sha256(f"{digest.hexdigest()} {day}".encode()).hexdigest()
        yield Moment(day, home / ".fleetloop" / "backfill" / use_case / str(day), key)
        day += timedelta(days=every_days)


def _judge(moment: Moment, use_case: str, home: Path, log: Path, processes: Processes) -> None:
    """`fleetloop watch` in a process of its own, on the moment's ground."""
    _make_ground(moment.ground, home)
    words = ["-m", "flows.cli", "watch", use_case, str(log), "--now", str(moment.day)]
    with processes.slots:
        process = processes.start([sys.executable, *words], moment.ground)
        try:
            said = process.communicate()[0].strip().splitlines()
        finally:
            processes.forget(process)
    sentence = said[-1] if said else "no word"
    if process.returncode not in (0, DRIFTED):
        raise DataError(sentence)
    write_json(moment.done, {"key": moment.key, "drift": process.returncode == DRIFTED, "sentence": sentence})
    get_run_logger().info(sentence)


def _make_ground(ground: Path, home: Path) -> None:
    """A folder that looks like the checkout to a judgement, but for its history."""
    ground.mkdir(parents=True, exist_ok=True)
    made_in = ground_of(home, ground.parent.name)
    for name, source in (("params.yaml", made_in), ("data", made_in), *((code, home) for code in CODE)):
        (ground / name).unlink(missing_ok=True)
        (ground / name).symlink_to(source / name)


def _told(use_case: str, moments: list[Moment], reasons: list[str], begun: int) -> State[Any]:
    found = [(moment, moment.result()) for moment in moments]
    rows = [
        {"as of": str(moment.day), "drift": "yes" if told["drift"] else "no", "judgement": told["sentence"]}
        for moment, told in found
        if told is not None
    ]
    create_table_artifact(rows, key=f"{use_case.replace('_', '-').lower()}-backfill", description="Judgements")
    missing = [str(moment.day) for moment, told in found if told is None]
    if missing:
        which = f"{len(missing)} of {begun} judgements failed ({', '.join(missing)})"
        return not_done({use_case: (2, f"{which}: {'; '.join(dict.fromkeys(reasons))}; run the same command again")})
    drifted = sum(row["drift"] == "yes" for row in rows)
    return Completed(message=f"{len(rows)} judgements, {begun} of them made now, {drifted} found drift", data={})
