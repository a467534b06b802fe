"""A last will: a small process that ends the process groups of another one when that is gone.

A lap ends its stages itself, and `fleetloop up` its services, but not after kill -9. The guard reads the groups from a
pipe ("+pid", "-pid"); the pipe closes with its parent, however that ends. It is run as a file, without site packages,
so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

GRACE_S = 5.0  # between asking a process group to end and killing it


class Guard:
    """The parent's end of the pipe. Its process is there while there is a group to watch.

    mark: an entry of the environment (NAME=value) by which processes are known that left their group; they end too.
    """

    def __init__(self, mark: str = "") -> None:
        self._process: subprocess.Popen[str] | None = None
        self._groups: set[int] = set()
        self._mark = mark

    def watch(self, group: int) -> None:
        """End this group, should the present process vanish."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).resolve()), self._mark],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True,
            )  # fmt: skip
        self._groups.add(group)
        self._say(f"+{group}")

    @property
    def pids(self) -> set[int]:
        """The guard's own process."""
        return set() if self._process is None else {self._process.pid}

    def forget(self, group: int) -> None:
        """The group has ended."""
        self._groups.discard(group)
        self._say(f"-{group}")
        if not self._groups:
            self.dismiss()

    def dismiss(self) -> None:
        """Nothing is left to watch."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _say(self, word: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # a guard that was killed protects no more, and stops nothing either
                self._process.stdin.write(f"{word}\n")
                self._process.stdin.flush()


def end_groups(groups: set[int], grace_s: float = GRACE_S, reap: Callable[[], object] = lambda: None) -> None:
    """Ask process groups to end and kill what is left after a grace period; groups that are gone are fine.

    reap: collects dead leaders that are the caller's own children; uncollected, they would count as alive.
    """
    left = {group for group in groups if signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        reap()
        left = {group for group in left if signal_group(group, 0)}
    for group in left:
        signal_group(group, signal.SIGKILL)


def signal_group(group: int, number: int) -> bool:
    """False where no process of the group is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


def marked(mark: str) -> set[int]:
    """Processes whose environment holds `mark`, where the system shows it (/proc); not this one."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
    return found - {os.getpid()}


def end_marked(mark: str, spared: Collection[int] = (), grace_s: float = GRACE_S) -> None:
    """Ask marked processes to end, but for the spared ones, and kill what is left after a grace period."""
    for number, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 1.0)):
        deadline = time.monotonic() + patience
        left = marked(mark) - set(spared)
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = marked(mark) - set(spared)


def main() -> None:
    """The guard's process: remember groups until the pipe closes, then end those that are left."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    end_groups(groups)
    if len(sys.argv) > 1 and sys.argv[1]:
        end_marked(sys.argv[1])


if __name__ == "__main__":
    main()
