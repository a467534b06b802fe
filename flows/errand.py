"""What a flow is sent to do: some use cases of a checkout, in place or in a workspace of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from flows.ending import no_traceback_of_what_is_told, not_done
from flows.ground import point_to
from flows.notify import notify
from flows.progress import Lap
from flows.reproduce import Processes
from flows.steps import go_round
from flows.why import Why
from flows.workspace import drop_workspace, keep_results, occupied, open_workspace, settle, sweep
from pipelines.errors import PipelineError
from pipelines.params import load_params


@dataclass(frozen=True)
class Errand:
    """flow: its name. home: the checkout that it serves. replace: publish by the gates alone.

    prepare: what is done in the run's checkout before the lap; a state ends the errand there. may_publish: raises where
    the run has lost its right to act on the world.
    """

    flow: str
    home: Path
    names: list[str]
    why: Why
    replace: bool = False
    prepare: Callable[[Path], State[Any] | None] = lambda root: None
    may_publish: Callable[[], None] = lambda: None


def run_errand(errand: Errand, workspace: bool) -> State[Any]:
    """Run the lap in place or in its own workspace, and keep what it made; the end's state.

    Raises PipelineError where the workspace cannot be made.
    """
    return _in_workspace(errand) if workspace else _in_place(errand)


def ended_clearly(home: Path, names: list[str], why: Why, work: Callable[[], State[Any]]) -> State[Any]:
    """The state of `work`, or a Failed one that says in one line what a person has to do. A failure is told."""
    no_traceback_of_what_is_told()
    try:
        state = work()
    except PipelineError as error:
        state = not_done({name: (error.exit_code, str(error)) for name in names})
    except Exception as error:  # a defect of fleetloop: it keeps its traceback
        notify(home, "failure", names, f"{type(error).__name__}: {error}", why)
        raise
    if state.is_failed():
        notify(home, "held" if state.name == "Held" else "failure", names, str(state.message), why)
    return state


def _in_place(errand: Errand) -> State[Any]:
    state = _go(errand, errand.home)
    if state.name == "Completed":
        for name in errand.names:
            point_to(errand.home, name, None)
    return state


def _in_workspace(errand: Errand) -> State[Any]:
    log = get_run_logger()
    for name in sweep(errand.home):
        log.info("removed the workspace of run %s, which died", name)
    with occupied(errand.home, errand.why.run) as folder:
        kept = False
        try:
            _open(errand)
            log.info("workspace: %s", folder)
            state = _go(errand, folder)
            if state.name in ("Completed", "Held"):
                label = f"{errand.flow}/{'+'.join(errand.names)}"
                where = keep_results(errand.home, folder, label, _message(errand, state))
                kept = True
                settle(errand.home, folder, errand.names if state.name == "Completed" else [])
                log.info("what the run made: %s", where)
            return state
        finally:
            if not kept:
                drop_workspace(folder)


def _open(errand: Errand) -> None:
    params = load_params(errand.home)
    datasets = dict.fromkeys(params.use_case(name).dataset for name in errand.names)
    open_workspace(errand.home, errand.why.run, datasets)


def _go(errand: Errand, root: Path) -> State[Any]:
    lock = root / "dvc.lock"
    before = lock.read_text() if lock.exists() else ""
    stop = errand.prepare(root)
    if stop is not None:
        return stop
    lap = Lap(
        root, errand.names, Processes(), errand.home, errand.why, errand.replace, errand.may_publish,
        before,
    )  # fmt: skip
    return go_round(lap)


def _message(errand: Errand, state: State[Any]) -> str:
    ending = "held" if state.name == "Held" else "done"
    first = f"{errand.flow} {', '.join(errand.names)}: {ending} (cause: {errand.why.cause})"
    return f"{first}\n\n{state.message}\n\nFlow run {errand.why.run}\n"
