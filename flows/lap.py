"""The flow `lap`: some use cases from raw payloads to a published bundle, or to a hold with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.ending import wrong_parameters
from flows.errand import Errand, ended_clearly, run_errand
from flows.governor import Cause
from flows.steps import RUNNER
from flows.why import Why
from pipelines.errors import ParamsError, PipelineError
from pipelines.params import load_params


def _run_name() -> str:
    """As pumps-lap-schedule: which use cases, and why."""
    asked = flow_run.parameters
    names = _meant(asked["use_cases"], Path(asked["root"]))
    return "-".join(filter(None, ["+".join(names), "lap", asked["cause"]]))


@flow(name="lap", flow_run_name=_run_name, task_runner=RUNNER, persist_result=False, on_failure=[wrong_parameters])
def lap(
    use_cases: list[str] | None = None,
    root: str = ".",
    workspace: bool = False,
    cause: Cause = "hand",
    by: str = "",
    replace: bool = False,
) -> Any:
    """Take use cases (none named: all active) from raw payloads to a published bundle, or to a hold with its reason.

    root: the checkout. workspace: run in a workspace of its own beside it, else in place. cause, by: what a release
    says of itself. replace: a candidate that passed its gates is not compared with the champion. Ends Failed where a
    use case did not get through, by the name Held where gates or the comparison said no.
    """
    home = Path(root).resolve()
    why = Why(cause, by, str(flow_run.id))

    names = _meant(use_cases, home)

    def go() -> State[Any]:
        errand = Errand("lap", home, names or active_use_cases(home), why, replace)
        return run_errand(errand, workspace)

    return ended_clearly(home, names or ["lap"], why, go)


def _meant(use_cases: list[str] | None, root: Path) -> list[str]:
    """The use cases that were named, else the active ones; none where that cannot be told."""
    try:
        return use_cases or active_use_cases(root)
    except PipelineError:
        return []


def active_use_cases(root: Path) -> list[str]:
    """The use cases that params.yaml calls active. Raises ParamsError where there is none."""
    names = list(load_params(root).active.use_cases)
    if not names:
        raise ParamsError("no use case is active; run `fleetloop activate USE_CASE`")
    return names
