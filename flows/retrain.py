"""The flow `retrain`: with the governor's leave, take in the raw files that arrived since, run the lap, publish."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.checkout import one_lap_at_a_time
from flows.ending import not_done, wrong_parameters
from flows.errand import Errand, ended_clearly, run_errand
from flows.governor import Answer, Cause, Ledger, Outcome, clock_at
from flows.graph import Step
from flows.raw import track
from flows.reproduce import Processes, reproduce
from flows.show import show_decision
from flows.snapshot import counts
from flows.steps import RUNNER
from flows.tenure import Tenure
from flows.why import Why
from pipelines.files import Place
from pipelines.params import load_params
from pipelines.release import open_store


@flow(
    name="retrain",
    flow_run_name="{use_case}-retrain-{cause}",
    task_runner=RUNNER,
    persist_result=False,
    on_failure=[wrong_parameters],
)
def retrain(
    use_case: str,
    root: str = ".",
    workspace: bool = False,
    cause: Cause = "hand",
    by: str = "",
    replace: bool = False,
    now: datetime | None = None,
) -> Any:
    """One more lap of `use_case` over all raw files that are there now, if the governor lets it begin.

    now: when the run begins by the governor's clock (UTC), where time is replayed: cool-down and budget count from it.
    Parameters and ending as `lap`'s; where the governor declines, the state is Completed by the name Declined, and its
    data is {use case: (1, reason)}. What waits for a retraining is read from the store, never from an event.
    """
    log = get_run_logger()
    log.info("retrain %s, cause: %s", use_case, cause)
    home, run = Path(root).resolve(), str(flow_run.id)
    why = Why(cause, by, run)

    def govern() -> State[Any]:
        limits = load_params(home).use_case(use_case).retrain
        ledger = Ledger(open_store(Place(home)), use_case, limits, clock_at(now))
        return _govern(use_case, home, cause, why, ledger, workspace, replace)

    return ended_clearly(home, [use_case], why, govern)


def _govern(
    use_case: str, home: Path, cause: Cause, why: Why, ledger: Ledger, workspace: bool, replace: bool
) -> State[Any]:
    run, dataset = why.run, load_params(home).use_case(use_case).dataset
    answer = ledger.ask(cause, run)
    show_decision(use_case, why, answer, ledger.read().findings if cause == "drift" else ())
    if not answer.admitted:
        return _declined(use_case, answer)
    with Tenure(ledger, run, get_run_logger()) as tenure:

        def prepare(root: Path) -> State[Any] | None:
            return _weigh(use_case, dataset, root, ledger, run)

        errand = Errand("retrain", home, [use_case], why, replace, prepare, tenure.check)
        state = run_errand(errand, workspace)
        tenure.ends(_outcome(state), str(state.message))
        return state


@task(name="take in raw files", cache_policy=NO_CACHE, persist_result=False)
def take_in(root: Path, dataset: str) -> None:
    """Let DVC track what now stands in data/raw/<dataset>, and bring the tables up to it."""
    log = get_run_logger()
    track(root, dataset)
    files = sum(1 for path in Place(root).raw(dataset).rglob("*") if path.is_file())
    log.info("%s: %d raw files", dataset, files)
    processes = Processes()
    try:
        reproduce(root, Step(f"ingest@{dataset}", ()), processes, log.info)  # a failure is the lap's own to tell
    finally:
        processes.end()


def _weigh(use_case: str, dataset: str, root: Path, ledger: Ledger, run: str) -> State[Any] | None:
    """Take the new data in and ask the governor whether they are worth a run; the ending where they are not."""
    with one_lap_at_a_time(root, get_run_logger().warning):
        take_in(root, dataset)
    answer = ledger.weigh(run, counts(root, dataset))
    return None if answer.admitted else _declined(use_case, answer)


def _declined(use_case: str, answer: Answer) -> State[Any]:
    get_run_logger().info("the governor declines: %s", answer.reason)
    reason = f"not retrained: {answer.reason}"
    if answer.rule == "lease":
        return not_done({use_case: (2, reason)})
    return Completed(name="Declined", message=reason, data={use_case: (1, reason)})


def _outcome(state: State[Any]) -> Outcome:
    if state.name in ("Held", "Declined"):
        return "held" if state.name == "Held" else ""
    return "published" if state.is_completed() else "failed"
