"""A PostgreSQL of a test's own: started, killed and started again on the same files."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

OWNER = "postgres"  # who runs it where the tests run as root, which PostgreSQL refuses


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; None where there is none, or nobody who may run them."""
    found = [Path(name).parent for name in (shutil.which("initdb"),) if name]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if os.geteuid() == 0 and subprocess.run(["id", OWNER], capture_output=True).returncode:
        return None
    return next((folder for folder in found if (folder / "postgres").exists()), None)


class Postgres:
    """url: as Prefect takes it. An empty database, listening on this machine alone."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # pytest's own folders are closed to others
        if os.geteuid() == 0:
            shutil.chown(self._folder, OWNER, OWNER)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = int(listener.getsockname()[1])
        self.url = f"postgresql+asyncpg://prefect@127.0.0.1:{self._port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", "data", "-U", "prefect", "--auth=trust", "--no-sync", "-E", "UTF8").wait()

    def start(self) -> None:
        """Start and wait until it takes connections."""
        where = ["-p", str(self._port), "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1"]
        before = self._said()
        self._process = self._run("postgres", "-D", "data", *where, "-c", "fsync=off", "-c", "max_connections=200")
        for _ in range(300):
            if self._said() > before:
                return
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError("PostgreSQL did not come up")

    def crash(self) -> None:
        """All its processes end at once, without a word to their clients; it will recover from its log."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.crash()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _said(self) -> int:
        """How often it called itself ready."""
        return (self._folder / "log").read_text().count("ready to accept connections")

    def _run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        other: dict[str, Any] = {"user": OWNER, "group": OWNER, "extra_groups": []} if os.geteuid() == 0 else {}
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._binaries / program), *words], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, **other,
            )  # fmt: skip
