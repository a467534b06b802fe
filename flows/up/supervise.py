"""The process behind `fleetloop up`: it starts the services, restarts what dies, and ends all that it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from flows.guard import Guard, end_groups, end_marked
from flows.up.plan import Plan, Service, environment, services
from pipelines.files import write_json

_PAUSES_S = (0.5, 2.0, 5.0, 15.0, 30.0)  # before the first restart, the second, …; the last one from then on
_QUIET_S = 60.0  # a service that ran as long begins anew with the shortest pause
_LOOK_S = 0.5
_STOP_S = 20.0  # the worker's runs have that long to end


def folder_of(root: Path) -> Path:
    """Logs, the plan and the state of `fleetloop up`."""
    return root / ".fleetloop" / "up"


@dataclass
class Running:
    """A service and its process. restarts: how often it died."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    restarts: int = 0
    due: float = 0.0  # monotonic: when it may be started


class Supervisor:
    """One checkout's services, kept alive until told to stop. The last one is stopped first."""

    def __init__(self, plan: Plan, wanted: list[Service]) -> None:
        self._plan, self._folder = plan, folder_of(Path(plan.root))
        self._guard = Guard(plan.mark)
        self._all = [Running(service) for service in wanted]
        self._stop = threading.Event()

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then everything ends, the worker first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            while not self._stop.is_set():
                if [running for running in self._all if self._look_after(running)]:
                    self._write_state()
                self._stop.wait(_LOOK_S)
        finally:
            self._end()

    def _look_after(self, running: Running) -> bool:
        """Start the service where it does not run; whether something changed."""
        now = time.monotonic()
        if running.process is not None and running.process.poll() is not None:
            end_groups({running.process.pid})  # what it left behind
            self._guard.forget(running.process.pid)
            running.restarts = 0 if now - running.began > _QUIET_S else running.restarts
            running.due = now + _PAUSES_S[min(running.restarts, len(_PAUSES_S) - 1)]
            running.restarts += 1
            running.process = None
            return True
        if running.process is None and now >= running.due:
            running.process, running.began = self._start(running.service), now
            return True
        return False

    def _start(self, service: Service) -> subprocess.Popen[bytes]:
        with (self._folder / f"{service.name}.log").open("ab") as log:
            process = subprocess.Popen(
                service.command, cwd=self._plan.root, env=environment(self._plan), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._guard.watch(process.pid)
        return process

    def _write_state(self) -> None:
        lines = {}
        for running in self._all:
            pid = running.process.pid if running.process else None
            lines[running.service.name] = {"pid": pid, "restarts": running.restarts}
        write_json(self._folder / "state.json", {"pid": os.getpid(), "services": lines})

    def _end(self) -> None:
        """The worker, its runs, then the others: whoever still has something to say finds the server."""
        *others, last = [running.process for running in self._all]
        if last is not None:
            end_groups({last.pid}, _STOP_S, last.poll)
        left = [process for process in others if process is not None]
        spared = {os.getpid(), *(process.pid for process in left)}
        end_marked(self._plan.mark, spared | self._guard.pids, _STOP_S)
        end_groups({process.pid for process in left}, reap=lambda: [process.poll() for process in left])
        self._guard.dismiss()
        end_marked(self._plan.mark, {os.getpid()})
        (self._folder / "state.json").unlink(missing_ok=True)


def main(root: Path) -> int:
    """Run the plan below .fleetloop/up; 1 where another supervisor of this checkout runs already."""
    folder = folder_of(root)
    try:
        with FileLock(folder / "lock", timeout=0):
            plan = Plan(**json.loads((folder / "plan.json").read_text()))
            Supervisor(plan, services(plan)).run()
    except Timeout:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
