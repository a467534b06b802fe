"""A flow on the terminal: one line a step with its seconds, training progress as it comes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from flows.checkout import one_lap_at_a_time
from flows.environment import local_prefect
from flows.governor import Cause
from flows.server import lost_server_told, start_temporary_server

_MARKS = {
    "Ran": ("✓", "green"),
    "Unchanged": ("=", "cyan"),
    "Restored": ("↺", "cyan"),
    "Skipped": ("-", "dim"),
    "Held": ("‖", "yellow"),
}
_BAD = ("✗", "bold red")


class TerminalHandler(logging.Handler):
    """Prints the records of flow and task runs; Prefect puts the task run's name into each record."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        task = getattr(record, "task_run_name", None)
        ending = getattr(record, "ending", None)
        if ending is not None and task:
            words = f"{ending.lower():<10} {record.seconds:7.1f} s"  # type: ignore[attr-defined]
            again = ", trying again" if record.levelno == logging.WARNING else ""
            self._print(*_MARKS.get(ending, _BAD), task, words + again, record.reason)  # type: ignore[attr-defined]
        elif task and record.name.startswith("prefect.task_runs") and not _engine(record):
            self._print(" ", "dim", task, record.getMessage())
        elif record.levelno >= logging.WARNING and not _engine(record):
            self._print("!", "yellow", "", record.getMessage())

    def _print(self, mark: str, style: str, task: str, words: str, reason: str = "") -> None:
        line = Text.assemble((f"{mark} ", style), (f"{task:<24} ", "dim" if style == "dim" else ""), (words, style))
        if reason:
            line.append(f"  {reason}", style="red")
        self._console.print(line, soft_wrap=True, highlight=False)


def _engine(record: logging.LogRecord) -> bool:
    """Prefect's own words about states ("Finished in state ..."), which our lines already say."""
    return record.module in ("task_engine", "flow_engine", "engine", "_engine")


def run_in_terminal(root: Path, run: Callable[[], Any]) -> dict[str, tuple[int, str]]:
    """Run a flow here, with its progress on the terminal; {use case: (exit code, reason)} of those that failed.

    run: imports the flow and calls it with return_state=True; called once Prefect's server is there.
    """
    local_prefect(root)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # our own lines take its place
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")
    logging.raiseExceptions = False  # a server that is gone is told once, not by every record that cannot reach it
    console = Console()
    with one_lap_at_a_time(root, lambda words: console.print(words, style="yellow", soft_wrap=True)):
        state = _run(run, root, console)
    from flows.ending import NotDone

    told: Any = state.result(raise_on_failure=False)
    if isinstance(told, NotDone):
        return told.failures
    if isinstance(told, dict):
        return told
    raise told if isinstance(told, BaseException) else RuntimeError(state.message or "the flow ended badly")


def lap_here(root: Path, use_cases: list[str], replace: bool = False) -> dict[str, tuple[int, str]]:
    """The flow `lap` in the checkout. replace: the gates alone decide, without a comparison with the champion."""

    def run() -> Any:
        from flows.lap import lap

        return lap(use_cases, str(root), replace=replace, return_state=True)

    return run_in_terminal(root, run)


def retrain_here(root: Path, use_case: str, cause: Cause, replace: bool = False) -> dict[str, tuple[int, str]]:
    """The flow `retrain` in the checkout, asking the governor for `cause`."""

    def run() -> Any:
        from flows.retrain import retrain

        return retrain(use_case, str(root), cause=cause, replace=replace, return_state=True)

    return run_in_terminal(root, run)


def _run(run: Callable[[], Any], root: Path, console: Console) -> Any:
    wait_for_server = start_temporary_server(root)
    with console.status(f"starting Prefect ({os.environ['PREFECT_API_URL']})"):
        import flows.lap  # noqa: F401  (while the server starts; Prefect sets its logging up now, not under our handler)

        wait_for_server()
    with _shown(console):
        return run()


@contextmanager
def _shown(console: Console) -> Iterator[None]:
    """The records of flow and task runs go to the console."""
    handler = TerminalHandler(console)
    loggers = [logging.getLogger(f"prefect.{kind}_runs") for kind in ("flow", "task")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with lost_server_told():
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
