"""The demo's own `fleetloop up`: started in its folder, on free ports, ended with it; and its deployments, asked."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.guard import Guard
from flows.up import control
from flows.up.plan import Plan
from flows.up.supervise import folder_of
from pipelines.errors import StoreError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

THEIRS = ("PREFECT_", "FLEETLOOP_")
"""Settings of the user's own loop: the demo has a server, a store and a database of its own, and tells nobody."""
_LOOK_S = 0.5
_TRIGGER_S = 180.0  # for the automation to start what an event asks for
_RUN_S = 1800.0


@dataclass(frozen=True)
class Ended:
    """A flow run that ended. state: its name, such as Drift or Declined."""

    id: str
    name: str
    link: str
    state: str
    message: str


@contextmanager
def served(folder: Path, say: Callable[[str], None]) -> Iterator[Plan]:
    """`fleetloop up` of the checkout `folder`; no process is left afterwards, even where this one is killed.

    Raises StoreError where a service does not come up.
    """
    from flows.up.deploy import deploy

    with _own_settings(folder):
        plan = control.start(folder, "127.0.0.1", three_free_ports(), "", lambda line: None)
        guard = Guard(plan.mark)
        guard.watch(json.loads((folder_of(folder) / "state.json").read_text())["pid"])
        try:
            deploy(plan)
            say(f"Prefect's server, a worker and the deployments: {plan.server_url}")
            yield plan
        finally:
            control.stop(folder)
            guard.dismiss()


def three_free_ports() -> int:
    """The first of three ports in a row that nobody listens on."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
        if port < 65_533 and all(_free(port + more) for more in (1, 2)):
            return port
    raise StoreError("no three free ports in a row on 127.0.0.1; end what listens there and try again")


def _free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextmanager
def _own_settings(folder: Path) -> Iterator[None]:
    """Prefect's client in this process speaks to the demo's server too, so the settings must precede its import."""
    from flows.environment import quiet_libraries

    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(THEIRS)]:
        del os.environ[name]
    os.environ["PREFECT_HOME"] = str(folder / ".fleetloop" / "prefect")
    quiet_libraries()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Deployed:
    """The deployments of one use case on a running server."""

    def __init__(self, plan: Plan, use_case: str) -> None:
        from prefect.client.orchestration import SyncPrefectClient

        self._ui, self._use_case = plan.server_url, use_case
        self._client: SyncPrefectClient = SyncPrefectClient(f"{plan.server_url}/api")
        self._told: set[str] = set()

    def lap(self) -> Ended:
        """Let the deployment `lap` train the first champion."""
        return self._run("lap/lap", use_cases=[self._use_case], cause="hand", by="fleetloop demo loop")

    def watch(self, now: datetime) -> Ended:
        """Let the deployment `watch` judge the field log as it was known at a simulated moment.

        A retraining that its event starts goes by the same clock, which the deployment is told of, not the event.
        """
        from prefect.client.schemas.actions import DeploymentUpdate

        retrain = self._client.read_deployment_by_name(f"retrain/retrain-{self._use_case}")
        parameters = retrain.parameters | {"now": now.isoformat()}
        self._client.update_deployment(retrain.id, DeploymentUpdate(parameters=parameters))
        return self._run(f"watch/watch-{self._use_case}", now=now.isoformat())

    def triggered(self) -> Ended:
        """The retraining that the automation started last, once it has ended. Raises StoreError where none comes."""
        deadline = time.monotonic() + _TRIGGER_S
        while time.monotonic() < deadline:
            for run in self._retrainings():
                if str(run.id) not in self._told:
                    self._told.add(str(run.id))
                    return self._ended(run)
            time.sleep(_LOOK_S)
        raise StoreError(f"the event fleetloop.drift started no retraining within {_TRIGGER_S:g} s; see {self._ui}")

    def _retrainings(self) -> list[FlowRun]:
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

        named = DeploymentFilter(name=DeploymentFilterName(any_=[f"retrain-{self._use_case}"]))
        return self._client.read_flow_runs(deployment_filter=named)

    def _run(self, deployment: str, **parameters: Any) -> Ended:
        found = self._client.read_deployment_by_name(deployment)
        return self._ended(self._client.create_flow_run_from_deployment(found.id, parameters=parameters))

    def _ended(self, run: FlowRun) -> Ended:
        """Wait for a run's end. Raises StoreError where that takes too long."""
        deadline = time.monotonic() + _RUN_S
        while time.monotonic() < deadline:
            run = self._client.read_flow_run(run.id)
            if run.state is not None and run.state.is_final():
                link = f"{self._ui}/runs/flow-run/{run.id}"
                return Ended(str(run.id), run.name, link, str(run.state.name), str(run.state.message or ""))
            time.sleep(_LOOK_S)
        raise StoreError(f"run {run.name} did not end within {_RUN_S:g} s; see {self._ui}/runs/flow-run/{run.id}")
