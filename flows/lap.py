"""The flow `lap`: some use cases from raw payloads to a published bundle, or to a hold with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.errand import Errand, ended_clearly, run_errand
from flows.governor import Cause
from flows.steps import RUNNER
from flows.why import Why
from pipelines.errors import ParamsError
from pipelines.params import load_params


@flow(name="lap", task_runner=RUNNER, persist_result=False)
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
    use case did not get through, by the name Held where gates or the comparison said no; its data is then {use case:
    (exit code, reason)}.
    """
    home = Path(root).resolve()
    names = use_cases or active_use_cases(home)
    why = Why(cause, by, str(flow_run.id))
    return ended_clearly(names, lambda: run_errand(Errand("lap", home, names, why, replace), workspace))


def active_use_cases(root: Path) -> list[str]:
    """The use cases that params.yaml calls active. Raises ParamsError where there is none."""
    names = list(load_params(root).active.use_cases)
    if not names:
        raise ParamsError("no use case is active; run `fleetloop activate USE_CASE`")
    return names
