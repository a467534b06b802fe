"""The flow `lap`: the DVC graph as Prefect tasks, then the report and the release of each use case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import Task, allow_failure, flow
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, wait
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.checkout import fit_dvc_to_git, one_lap_at_a_time
from flows.graph import needed_for, read_graph
from flows.progress import Lap
from flows.publish import publish_bundle
from flows.reproduce import Processes
from flows.show import show_report

_THREADS = 256  # a task that waits holds a thread; how many run at once is decided by Processes

Future = PrefectFuture[Any]
_RUNNER: TaskRunner[PrefectFuture[Any]] = ThreadPoolTaskRunner(max_workers=_THREADS)  # type: ignore[assignment]


@flow(name="lap", task_runner=_RUNNER, persist_result=False)
def lap(use_cases: list[str] | None = None, root: str = ".") -> Any:
    """Take use cases (none named: all active) from raw payloads to a published bundle, in the checkout `root`.

    Ends Failed where a use case did not get through; its data is then {use case: (exit code, reason)}.
    """
    logger = get_run_logger()
    place = Path(root).resolve()
    names = use_cases or active_use_cases(place)
    fit_dvc_to_git(place)
    with one_lap_at_a_time(place, logger.warning):
        found = Lap(place, names, Processes())
        try:
            _go_round(found)
        finally:
            found.processes.end()
    failures = found.failures()
    if failures:
        sentences = "; ".join(dict.fromkeys(failure.reason for failure in failures.values()))
        return Failed(message=sentences, data={name: (f.exit_code, f.reason) for name, f in failures.items()})
    return Completed(message=found.summary(), data={})


def active_use_cases(root: Path) -> list[str]:
    """The use cases that params.yaml calls active. Raises ParamsError where there is none."""
    from pipelines.errors import ParamsError
    from pipelines.params import load_params

    names = list(load_params(root).active.use_cases)
    if not names:
        raise ParamsError("no use case is active; run `fleetloop activate USE_CASE`")
    return names


def _go_round(found: Lap) -> None:
    """Submit every step, each after those it waits for; then, for each use case, its report and its release."""
    steps = needed_for(read_graph(found.root), found.names)
    found.steps = steps
    futures: dict[str, Future] = {}
    for step in steps:
        task = _task(step.address, found.stage)
        futures[step.address] = task.submit(step, wait_for=[futures[up] for up in step.after])
    for name in found.names:
        mine: list[Any] = [futures[step.address] for step in needed_for(steps, [name])]
        futures[f"report@{name}"] = _task(f"report@{name}", _report(found)).submit(
            name, wait_for=[allow_failure(future) for future in mine]
        )
        futures[f"publish@{name}"] = _task(f"publish@{name}", _publish(found)).submit(name, wait_for=mine)
    wait(list(futures.values()))


def _task(name: str, function: Any) -> Task[..., Any]:
    return Task(
        function,
        name=name,
        task_run_name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retry_condition_fn=_worth_retrying,
        retries=2,
        retry_delay_seconds=[2, 10],
        retry_jitter_factor=0.5,
    )


def _worth_retrying(task: Any, run: Any, state: State[Any]) -> bool:
    """Only what says so of itself: a killed process, a store that did not answer. A refusal stays a refusal."""
    return state.name == "Retryable"


def _report(found: Lap) -> Any:
    def report(use_case: str) -> State[Any]:
        return found.guard(f"report@{use_case}", lambda: show_report(found, use_case))

    return report


def _publish(found: Lap) -> Any:
    def publish(use_case: str) -> State[Any]:
        return found.guard(f"publish@{use_case}", lambda: publish_bundle(found.root, use_case))

    return publish
