"""What `fleetloop up` runs: which services, where they listen, in which environment."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.environment import child_environment
from pipelines.errors import ParamsError

MARK = "FLEETLOOP_UP"
POOL = "fleetloop"
RETENTION_DAYS = 90
"""Flow runs older than this are deleted from the server's database; events after 7 days, by Prefect's own default."""


@dataclass(frozen=True)
class Plan:
    """Where everything of one checkout listens. database: "" for SQLite below .fleetloop/prefect. token: marks ours."""

    root: str
    host: str
    server: int
    evidently: int
    pages: int
    database: str
    token: str

    @property
    def server_url(self) -> str:
        return f"http://{self.host}:{self.server}"

    @property
    def evidently_url(self) -> str:
        return f"http://{self.host}:{self.evidently}"

    @property
    def pages_url(self) -> str:
        return f"http://{self.host}:{self.pages}"

    @property
    def mark(self) -> str:
        """The entry of the environment that every process of ours has."""
        return f"{MARK}={self.token}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class Service:
    """One process to keep alive. health: an address that answers once it works; None: it works when it runs."""

    name: str
    command: list[str]
    health: str | None


def services(plan: Plan) -> list[Service]:
    """In the order in which they start; they stop the other way round."""
    python, root = sys.executable, Path(plan.root)
    server = ["-m", "flows.up.server", "server", "start", "--host", plan.host, "--port", str(plan.server)]
    worker = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", "fleetloop-up"]
    folder = str(root / ".fleetloop" / "pages")
    shown = ["-m", "flows.up.pages", folder, plan.host, str(plan.pages), plan.server_url]
    reports = [
        "ui", "--workspace", str(root / ".fleetloop" / "evidently"), "--host", plan.host, "--port", str(plan.evidently),
    ]  # fmt: skip
    return [
        Service("server", [python, *server], f"{plan.server_url}/api/health"),
        Service("pages", [python, *shown], plan.pages_url),
        Service("evidently", [str(Path(python).with_name("evidently")), *reports], plan.evidently_url),
        Service("worker", [python, *worker], None),
    ]


def environment(plan: Plan) -> dict[str, str]:
    """Of every service, and so of every run that the worker starts.

    Polls are short: the server is on this machine. PostgreSQL takes over with one setting, FLEETLOOP_DATABASE.
    """
    root = Path(plan.root)
    fixed = {
        MARK: plan.token,
        "FLEETLOOP_HOME": plan.root,
        "FLEETLOOP_PAGES": plan.pages_url,
        "PREFECT_HOME": os.environ.get("PREFECT_HOME", str(root / ".fleetloop" / "prefect")),
        "PREFECT_API_URL": f"{plan.server_url}/api",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(RETENTION_DAYS * 86_400),
    }
    if plan.database:
        fixed["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = plan.database
    return child_environment(root) | fixed


def check_free(plan: Plan) -> None:
    """Raises ParamsError that names the port which somebody else listens on."""
    for port in (plan.server, plan.evidently, plan.pages):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((plan.host, port))
            except OSError as error:
                raise ParamsError(
                    f"{plan.host}:{port} cannot be listened on ({error.strerror}); give others by `fleetloop up "
                    f"--port N` (N, N+1 and N+2 are used)"
                ) from None
