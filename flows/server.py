"""Prefect's temporary server, as a child that ends with its parent however that ends.

Prefect can start one by itself, but only after it was imported, and in the terminal's own process group: a Ctrl-C then
ends the server before the flow can say that it was interrupted. Here it starts while Prefect is still being imported.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import StoreError


class ServerLost(StoreError):
    """Prefect's server went away in the middle; what Prefect still wants to tell it at the process's end is lost."""


_STOP_S = 10.0  # seconds that the server has to end by itself


def start_temporary_server(root: Path) -> Callable[[], None]:
    """Start a server on Prefect's home and name it in PREFECT_API_URL; gives a function that waits until it answers.

    Starts none where PREFECT_API_URL is set: that server is used. Call before importing Prefect: the server then ends
    after Prefect has sent its last logs. Its own log is .fleetloop/prefect-server.log.
    """
    chosen = os.environ.get("PREFECT_API_URL")
    if chosen:
        return lambda: _check(chosen)
    log = root / ".fleetloop" / "prefect-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            env=_environment(),
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    atexit.register(_stop, process)
    return lambda: _wait(process, port, log)


def _environment() -> dict[str, str]:
    """The checkout's code is found wherever the child stands."""
    code = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in code if part)}


@contextmanager
def lost_server_told() -> Iterator[None]:
    """One clear line where Prefect's server is gone, after the patience of Prefect's own client. Raises ServerLost."""
    import httpx

    try:
        yield
    except httpx.HTTPError as error:
        raise ServerLost(
            f"Prefect's server at {os.environ.get('PREFECT_API_URL')} no longer answers ({error}); what was finished "
            f"is kept, run the same command again"
        ) from None


def _check(url: str) -> None:
    """Raises StoreError where the chosen server does not answer."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=30):
            return
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        raise StoreError(
            f"Prefect's server at {url} (PREFECT_API_URL) does not answer: {reason}; start it, or unset "
            f"PREFECT_API_URL to use a temporary one"
        ) from None


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the server is healthy. Raises StoreError where it ends or takes too long."""
    deadline = time.monotonic() + float(os.environ.get("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120"))
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=30) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    last = (log.read_text(errors="replace").strip().splitlines() or ["no word"])[-1]
    raise StoreError(f"Prefect's temporary server did not start ({last}); its log is {log}; try again")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _serve(descriptor: int) -> None:
    """The child: serve on an inherited socket until told to end, or until the parent is gone."""
    import uvicorn
    from prefect.server.api.server import create_app

    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = create_app(final=True, ephemeral=True)
    config = uvicorn.Config(app, log_level="error", lifespan="on")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # nobody writes: it returns when the parent's end of the pipe closes
    os._exit(0)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
