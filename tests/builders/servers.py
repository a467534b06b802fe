"""A Prefect server of a test's own: killed, stopped for a while, started again on the same database."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PrefectServer:
    """address: of its API. home: PREFECT_HOME, with the SQLite database."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = int(listener.getsockname()[1])
        self.address = f"http://127.0.0.1:{self._port}/api"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that uses it."""
        return {"PREFECT_API_URL": self.address, "PREFECT_HOME": str(self.home)}

    def start(self) -> None:
        """Start unless it runs, and wait until it answers."""
        if self._process is None or self._process.poll() is not None:
            command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
            with (self.home / "server.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, *command],
                    env={**os.environ, "PREFECT_HOME": str(self.home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                )  # fmt: skip
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                assert self._process.poll() is None, (self.home / "server.log").read_text()[-2000:]
                time.sleep(0.2)
        raise AssertionError(f"{self.address} did not answer")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def database_locked(self) -> Iterator[None]:
        """Somebody else writes and does not end."""
        database = sqlite3.connect(self.home / "prefect.db", timeout=60, isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            database.execute("ROLLBACK")
            database.close()
