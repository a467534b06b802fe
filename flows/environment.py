"""Settings of the processes that a lap starts, and of Prefect: local, quiet, no telemetry."""

from __future__ import annotations

import os
import sys
from pathlib import Path

QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "GIT_PYTHON_REFRESH": "quiet",  # a machine without the git program is no reason to stop
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def steady_threads() -> None:
    """One BLAS thread a stage, so that a stage's bytes do not depend on the machine or on who started it.

    Stages that want more threads take the number from params.yaml. Call before numpy is first imported.
    """
    os.environ.update(ONE_THREAD)


def child_environment(root: Path) -> dict[str, str]:
    """The environment of a DVC process in `root`: output unbuffered, this Python first, the checkout's own code."""
    code = [str(root), str(root / "edge"), os.environ.get("PYTHONPATH", "")]
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return {
        **os.environ,
        **QUIET,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(part for part in code if part),
        "PATH": os.pathsep.join(part for part in path if part),
    }


def quiet_libraries() -> None:
    """No telemetry, in this process and its children."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def local_prefect(root: Path) -> None:
    """Point Prefect at a home below the checkout unless the user chose a home or a server. Call before importing it.

    With a server chosen (PREFECT_API_URL) that one is used; else the one of `fleetloop up` where it runs; else Prefect
    starts a temporary one.
    """
    from flows.up.control import running

    quiet_libraries()
    plan = running(root)
    if plan is not None:
        os.environ.setdefault("PREFECT_API_URL", f"{plan.server_url}/api")
        os.environ.setdefault("FLEETLOOP_PAGES", plan.pages_url)
    if not {"PREFECT_API_URL", "PREFECT_HOME"} & set(os.environ):
        home = root / ".fleetloop" / "prefect"
        home.mkdir(parents=True, exist_ok=True)  # Prefect makes a folder, not its parents
        os.environ["PREFECT_HOME"] = str(home)
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")  # the first start migrates
    os.environ.setdefault("PREFECT_CLI_PROMPT", "false")
