"""A running `fleetloop up` as tests ask it: over Prefect's own API, as an operator's browser does."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.governor import Ledger
from flows.up import control
from flows.up.deploy import deploy
from flows.up.plan import Plan, environment
from pipelines.files import Place
from pipelines.params import load_params
from pipelines.release import open_store
from tests.builders.laps import run
from tests.builders.notes import Notes
from tests.builders.stub import ROOT
from tests.builders.trouble import Trouble

TERMINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


def until(happened: Callable[[], Any], seconds: float = 150) -> Any:
    """What `happened` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
    return found


def three_ports() -> int:
    """The first of three free ports in a row."""
    for first in range(21000, 60000, 7):
        try:
            for port in range(first, first + 3):
                socket.create_server(("127.0.0.1", port)).close()
            return first
        except OSError:
            continue
    raise AssertionError("no free ports")


@contextmanager
def up(root: Path, database: str = "", store: str = "", **settings: str) -> Iterator[Loop]:
    """`fleetloop up` in a checkout, until the context is left. settings: of the environment, of services and runs."""
    if not (root / "infra").exists():
        shutil.copytree(ROOT / "infra", root / "infra")
    _schedule_far_off(root / "infra" / "prefect.yaml")
    loop = Loop(root, settings | ({"FLEETLOOP_STORE": store} if store else {}))
    with loop.settings():
        plan = control.start(root, "127.0.0.1", three_ports(), database, print)
    try:
        with loop.settings():
            deploy(plan)
        loop.plan = plan
        yield loop
    finally:
        control.stop(root)


def _schedule_far_off(deployments: Path) -> None:
    """Every schedule of a checkout's deployments half a day from now: none begins a run beside those of a test."""
    then = datetime.now(UTC) + timedelta(hours=12)
    text = re.sub(r'cron: "[^"]*"', f'cron: "{then.minute} {then.hour} * * *"', deployments.read_text())
    deployments.write_text(text)


class Loop:
    """root: the checkout that it serves."""

    plan: Plan

    def __init__(self, root: Path, settings: dict[str, str]) -> None:
        self.root, self._settings = root, settings
        self.store = open_store(Place(root), settings.get("FLEETLOOP_STORE"))

    @contextmanager
    def settings(self) -> Iterator[None]:
        """The environment in which its services were started."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("PREFECT_API_URL", "PREFECT_HOME"):
                patch.delenv(name, raising=False)
            for name, value in self._settings.items():
                patch.setenv(name, value)
            yield

    def command(self, *words: str) -> str:
        """A command in the checkout, as its owner gives it; its output."""
        with self.settings():
            return run(self.root, *words)

    def ask(self, path: str, **body: Any) -> Any:
        """Asks again where the server restarts or its database is busy, as Prefect's own client does."""
        url, data = f"{self.plan.server_url}/api/{path}", json.dumps(body).encode()
        for left in reversed(range(30)):
            try:
                request = urllib.request.Request(url, data, {"content-type": "application/json"})
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)
            except (urllib.error.URLError, ConnectionError) as error:
                if not left or (isinstance(error, urllib.error.HTTPError) and error.code < 500):
                    raise
                time.sleep(1)
        raise AssertionError("unreachable")

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(
            "flow_runs/filter", deployments={"name": {"any_": [deployment]}}, sort="START_TIME_DESC"
        )
        return found

    def state(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("flow_runs/filter", flow_runs={"id": {"any_": [run]}})[0]["state"]
        return found

    def ended(self, deployment: str, least: int = 1) -> list[dict[str, Any]] | None:
        """The deployment's runs that were not waiting for their schedule, once there are so many and all have ended."""
        asked = [run for run in self.runs(deployment) if not run["auto_scheduled"]]
        return asked if len(asked) >= least and all(run["state"]["type"] in TERMINAL for run in asked) else None

    def start(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        found = self.ask("deployments/filter", deployments={"name": {"any_": [deployment]}})[0]
        made: dict[str, Any] = self.ask(
            f"deployments/{found['id']}/create_flow_run", parameters=parameters, state={"type": "SCHEDULED"}
        )
        return made

    def end_of(self, run: str) -> dict[str, Any]:
        """The run's state once it has ended."""
        found: dict[str, Any] = until(lambda: (now := self.state(run))["type"] in TERMINAL and now, seconds=300)
        return found

    def log(self, run: str) -> list[dict[str, Any]]:
        """Lines of a run and of its tasks, the oldest first."""
        lines: list[dict[str, Any]] = self.ask(
            "logs/filter", logs={"flow_run_id": {"any_": [run]}}, sort="TIMESTAMP_ASC"
        )
        return lines

    def artifacts(self, run: str) -> dict[str, str]:
        """What a run's page shows, by key: Markdown as it is, a table as JSON, a picture's address."""
        found = self.ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        return {artifact["key"]: str(artifact["data"]) for artifact in found}

    def artifact(self, run: str, key: str) -> str:
        """The address's end of one of them."""
        wanted = {"flow_run_id": {"any_": [run]}, "key": {"any_": [key]}}
        return str(self.ask("artifacts/filter", artifacts=wanted)[0]["id"])

    def emit(self, times: int, use_case: str = "a") -> None:
        """Drift events whose payload names another use case."""
        event = "from prefect.events import emit_event\n"
        event += f"for _ in range({times}): emit_event('fleetloop.drift', "
        event += f"resource={{'prefect.resource.id': 'fleetloop.use-case.{use_case}'}}, payload={{'use_case': 'b'}})\n"
        subprocess.run([sys.executable, "-c", event], env=environment(self.plan), check=True)

    def governor(self, use_case: str = "a") -> Ledger:
        limits = load_params(self.root).use_case(use_case).retrain
        return Ledger(self.store, use_case, limits)

    def service(self, name: str) -> control.ServiceState:
        return next(state for state in control.look(self.root) if state.name == name)


@dataclass(frozen=True)
class TeamLoop:
    """A loop over real laps. trouble: what its store's server may get into. notes: whom it tells."""

    loop: Loop
    trouble: Trouble
    notes: Notes


def links_of(text: str) -> dict[str, str]:
    """Of Markdown: addresses by their words."""
    return dict(re.findall(r"\[([^\]]+)\]\((http[^)]+)\)", text))
