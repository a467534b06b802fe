"""One stage by DVC, as a process group of its own: output line by line, ended as a whole, its ending understood."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flows.environment import child_environment
from flows.graph import Step
from flows.guard import Guard, end_groups
from flows.outcome import forget_outcome, read_outcome

State = Literal["Ran", "Unchanged", "Restored", "Skipped", "Refused", "Held", "Failed", "Killed"]

_RESTORED = re.compile(r"^Stage '.*' is cached - skipping run")
_RUNNING = re.compile(r"^Running stage '")
_CHATTER = re.compile(
    r"^(> |Updating lock file|Generating lock file|Use `dvc push`|To track the changes|"
    r"To enable auto staging|\s*git add |Verifying data sources|Data and pipelines are up to date|Stage '|\s*$|"
    r"\s*dvc config core.autostage)"
)
_BUSY = re.compile(r"Unable to acquire lock|is busy, it is being blocked by")

_PATIENCE_S = 1800.0  # how long DVC's locks may be held by somebody else before the stage gives up


@dataclass(frozen=True)
class Ending:
    """How a stage ended. exit_code: as `fleetloop` would exit for it; reason: one line, empty where all went well."""

    state: State
    seconds: float
    reason: str = ""
    exit_code: int = 0
    retryable: bool = False


class Processes:
    """The process groups of one lap, so that all can be ended together, whoever started them."""

    def __init__(self, side_by_side: int | None = None) -> None:
        """side_by_side: how many run at once; by default one a core."""
        self.slots = threading.BoundedSemaphore(side_by_side or os.cpu_count() or 1)
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._guard = Guard()
        self.ended = False

    def start(self, command: list[str], root: Path) -> subprocess.Popen[str]:
        """Start in a session of its own. Raises InterruptedError once `end` was called."""
        with self._lock:
            if self.ended:
                raise InterruptedError("the lap was ended")
            process = subprocess.Popen(
                command,
                cwd=root,
                env=child_environment(root),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
            self._guard.watch(process.pid)
            return process

    def forget(self, process: subprocess.Popen[str]) -> None:
        """End what is left of the process's group, and drop it."""
        end_groups({process.pid}, reap=process.poll)
        with self._lock:
            self._running.discard(process)
            self._guard.forget(process.pid)

    def end(self) -> None:
        """End every group and start no more."""
        with self._lock:
            self.ended = True
            running = list(self._running)
        for process in running:
            end_groups({process.pid}, reap=process.poll)
        with self._lock:  # a thread whose process has just ended may be telling the guard so
            self._guard.dismiss()


def reproduce(root: Path, step: Step, processes: Processes, log: Callable[[str], None]) -> Ending:
    """`dvc repro -s` of one step; its output goes to `log`, line by line, as it comes.

    Waits, with jitter, while DVC's locks are held by another process. Raises InterruptedError when the lap was ended.
    """
    pause = 0.5
    with processes.slots:
        began = time.monotonic()
        while True:
            forget_outcome(root, step.stage, step.name)
            lines, code = _repro(root, step, processes, log)
            busy = code != 0 and any(_BUSY.search(line) for line in lines)
            if not busy or time.monotonic() - began > _PATIENCE_S:
                return _ending(root, step, lines, code, time.monotonic() - began)
            log("DVC is busy with another process; trying again")
            time.sleep(random.uniform(pause / 2, pause))
            pause = min(2 * pause, 10.0)


def _repro(root: Path, step: Step, processes: Processes, log: Callable[[str], None]) -> tuple[list[str], int]:
    process = processes.start([sys.executable, "-m", "dvc", "repro", "-s", step.address], root)
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.rstrip()
            lines.append(text)
            if _RUNNING.match(text):
                log("running")
            elif not _CHATTER.match(text):
                log(text)
        code = process.wait()
    finally:
        processes.forget(process)
    if processes.ended:
        raise InterruptedError("the lap was ended")
    return lines, code


def _ending(root: Path, step: Step, lines: list[str], code: int, seconds: float) -> Ending:
    if code == 0:
        return Ending(_state(lines), seconds)
    outcome = read_outcome(root, step.stage, step.name)
    label = step.address
    if code < 0 or (outcome is not None and outcome.status == "started"):
        reason = f"{label} was killed from outside (out of memory?); what was finished before it is kept"
        return Ending("Killed", seconds, reason, 2, retryable=True)
    if outcome is None or outcome.status == "ok":
        return Ending("Failed", seconds, f"{label}: {_dvc_reason(lines)}", 2)
    if outcome.status == "refused":
        return Ending("Refused", seconds, f"{label}: {outcome.reason}", 1)
    exit_code = 2 if outcome.status == "user_error" else 3
    return Ending("Failed", seconds, f"{label}: {outcome.reason}", exit_code, outcome.retryable)


def _state(lines: list[str]) -> State:
    if any(_RUNNING.match(line) for line in lines):
        return "Ran"
    return "Restored" if any(_RESTORED.match(line) for line in lines) else "Unchanged"


def _dvc_reason(lines: list[str]) -> str:
    """DVC's own words for what stopped it before or after the stage, with the next step where we know one."""
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = ": ".join(dict.fromkeys(errors)) or (lines[-1] if lines else "DVC failed without a word")
    missing = re.search(r"(?:missing data 'source'|No such file or directory)\W.*?data/raw/([\w-]+)", " ".join(lines))
    if missing:
        name = missing.group(1)
        return (
            f"data/raw/{name} does not exist; bring its files by `fleetloop data add {name} FOLDER`, or "
            f"`fleetloop data simulate {name}` where it is simulated"
        )
    if "No space left on device" in " ".join(lines):
        return "no space left on the disk; free some and run again"
    return reason
