"""`make ui`: Prefect's server with its UI, and the flows served from it, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from flows.checkout import find_root
from flows.environment import child_environment, local_prefect

_PORT = 4200
_START_S = 120.0


def main() -> None:
    """Serve `lap` and `retrain` of this checkout; a server named by PREFECT_API_URL is used, else one is started."""
    root = find_root()
    local_prefect(root)
    server = None if os.environ.get("PREFECT_API_URL") else _start_server(root)
    url = os.environ["PREFECT_API_URL"].removesuffix("/api")
    print(f"Prefect's UI: {url}   (flows lap and retrain of {root}; Ctrl-C ends both)", flush=True)
    try:
        _serve(root)
    finally:  # the runner has stopped by now; a server that goes first leaves it without anybody to tell
        if server is not None:
            server.terminate()
            server.wait()


def _start_server(root: Path) -> subprocess.Popen[bytes]:
    address = f"http://127.0.0.1:{_PORT}"
    log = root / ".fleetloop" / "prefect-ui.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(_PORT)],
            env=child_environment(root),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours: first the runner ends, then the server
        )
    _wait_for(f"{address}/api/health", process, log)
    os.environ["PREFECT_API_URL"] = f"{address}/api"
    return process


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    process.terminate()
    sys.exit(f"fleetloop: Prefect's server did not start on port {_PORT} (is it taken?); its log is {log}")


def _serve(root: Path) -> None:
    from prefect import serve

    from flows.lap import lap
    from flows.retrain import retrain

    os.chdir(root)  # flow runs are processes started here
    here = {"root": str(root)}
    serve(
        lap.to_deployment("lap", parameters=here, description="The active use cases, raw payloads to release."),  # type: ignore[arg-type]
        retrain.to_deployment("retrain", parameters=here, description="One use case, with the new raw files."),  # type: ignore[arg-type]
    )


if __name__ == "__main__":
    main()
