"""`fleetloop up | status | down` as functions: start the supervisor and wait for it, look at it, stop it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from flows.environment import child_environment
from flows.up.plan import MARK, Plan, check_free, services
from flows.up.supervise import folder_of
from pipelines.errors import ParamsError, StoreError
from pipelines.files import write_bytes

DRIVERS = ("postgresql+asyncpg://", "sqlite+aiosqlite://")  # what Prefect's server speaks
_START_S = 180.0
_DEATHS = 4  # of a service that never answered: it will not come up by itself
_STOP_S = 90.0


@dataclass(frozen=True)
class ServiceState:
    """pid: None while it does not run. healthy: it answers."""

    name: str
    pid: int | None
    url: str
    healthy: bool
    restarts: int


def running(root: Path) -> Plan | None:
    """The plan of the supervisor that runs now; None where none does, whatever files say."""
    folder = folder_of(root)
    if not (folder / "plan.json").exists():
        return None
    try:
        with FileLock(folder / "lock", timeout=0):
            return None
    except Timeout:
        return Plan(**json.loads((folder / "plan.json").read_text()))


def start(root: Path, host: str, port: int, database: str, say: Callable[[str], None]) -> Plan:
    """Start everything of the checkout and wait until it answers. Already there: it is left as it is.

    Raises ParamsError where a port is taken or the database's address is none, StoreError where a service stays down.
    """
    plan = running(root)
    if plan is not None:
        return plan
    if database and not database.startswith(DRIVERS):
        raise ParamsError(f"FLEETLOOP_DATABASE is no address of a database; it begins with {' or '.join(DRIVERS)}")
    plan = Plan(str(root), host, port, port + 1, port + 2, database, secrets.token_hex(8))
    check_free(plan)
    folder = folder_of(root)
    for name in ("up", "prefect", "pages", "evidently"):
        (root / ".fleetloop" / name).mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "plan.json", plan.to_json().encode())
    (folder / "state.json").unlink(missing_ok=True)  # of one that was killed
    (folder / "plan.json").chmod(0o600)  # a database's address holds its password
    with (folder / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.up.supervise", str(root)],
            cwd=root, env=child_environment(root) | {MARK: plan.token}, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_healthy(root, plan, process, say)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return plan


def look(root: Path) -> list[ServiceState]:
    """Every service's state; empty where nothing runs."""
    plan = running(root)
    if plan is None:
        return []
    urls = {"server": plan.server_url, "pages": plan.pages_url, "evidently": plan.evidently_url}
    known = _state(root).get("services", {})
    found = []
    for service in services(plan):
        told = known.get(service.name, {"pid": None, "restarts": 0})
        up = told["pid"] is not None and (service.health is None or _answers(service.health))
        found.append(ServiceState(service.name, told["pid"], urls.get(service.name, ""), up, told["restarts"]))
    return found


def stop(root: Path) -> bool:
    """End everything, the worker first; False where nothing ran. Raises StoreError where it does not end."""
    if running(root) is None:
        return False
    pid = _state(root).get("pid")
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    try:
        with FileLock(folder_of(root) / "lock", timeout=_STOP_S):
            return True
    except Timeout:
        raise StoreError(f"process {pid} did not end within {_STOP_S:g} s; its logs are in {folder_of(root)}") from None


def _wait_healthy(root: Path, plan: Plan, process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _START_S
    waiting = [service for service in services(plan) if service.health]
    while waiting:
        for service in [service for service in waiting if _answers(str(service.health))]:
            waiting.remove(service)
            say(f"{service.name} answers")
        known = _state(root).get("services", {})
        died = [s.name for s in waiting if known.get(s.name, {}).get("restarts", 0) >= _DEATHS]
        if waiting and (died or process.poll() is not None or time.monotonic() > deadline):
            log = folder_of(root) / f"{(died or [waiting[0].name])[0]}.log"
            raise StoreError(f"{log.stem} did not come up; its log is {log}: {_last_words(log)}")
        time.sleep(0.2)


def _last_words(log: Path) -> str:
    """The newest line of a log that speaks of an error; else its last one."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    errors = [line for line in lines if "Error" in line]
    return (errors or lines or ["(nothing)"])[-1].strip()


def _state(root: Path) -> dict[str, Any]:
    path = folder_of(root) / "state.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
