"""Prefect's command line whose server ends where one of its services does: the supervisor then starts all of it anew.

Prefect's own server goes on without the service. Where the database goes away while the server starts, it would answer
to /health for ever after, and no automation would start a run.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

from prefect.server.services.base import Service

DIED = 70
"""The server's exit code then (EX_SOFTWARE)."""

Start = Callable[[Any], Coroutine[Any, Any, Any]]


def end_with(service: type[Service]) -> None:
    """Let the process end where this service fails. That it is stopped, or cancelled, is no failure."""
    setattr(service, "start", _or_end(service.start))  # noqa: B010  (mypy takes no assignment to a method)


def _or_end(start: Start) -> Start:
    @functools.wraps(start)
    async def started(self: Any) -> Any:
        try:
            return await start(self)
        except Exception:
            logging.getLogger("prefect.server").exception("%s died; the server ends", type(self).__name__)
            os._exit(DIED)  # a clean shutdown would wait for what it died of

    return started


def main() -> None:
    from prefect.cli import app

    for service in Service.all_services():
        end_with(service)
    app()


if __name__ == "__main__":
    main()
