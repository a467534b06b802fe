"""The DVC graph as Prefect tasks: a task a stage, then the release and the report of each use case."""

from __future__ import annotations

from typing import Any

from prefect import Task, allow_failure
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, wait
from prefect.logging import get_run_logger
from prefect.states import Completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.checkout import fit_dvc_to_git, one_lap_at_a_time
from flows.ending import not_done
from flows.graph import needed_for, read_graph
from flows.progress import RETRIES, Lap
from flows.publish import comparison_path, publish_bundle
from flows.show import show_report
from pipelines.errors import Refused
from pipelines.files import Place

_THREADS = 256  # a task that waits holds a thread; how many run at once is decided by Processes

Future = PrefectFuture[Any]
RUNNER: TaskRunner[PrefectFuture[Any]] = ThreadPoolTaskRunner(max_workers=_THREADS)  # type: ignore[assignment]


def go_round(found: Lap) -> State[Any]:
    """Every step, each after those it waits for; then, for each use case, its release and its report. The end's state.

    Holds the checkout's lap lock; others wait. Whatever happens, no process of the lap is left.
    """
    fit_dvc_to_git(found.root)
    with one_lap_at_a_time(found.root, get_run_logger().warning):
        try:
            _submit_all(found)
        finally:
            found.processes.end()
    failures = found.failures()
    if not failures:
        return Completed(message=found.summary(), data={})
    held = all(failure.exit_code == Refused.exit_code for failure in failures.values())
    return not_done({name: (f.exit_code, f.reason) for name, f in failures.items()}, "Held" if held else "Failed")


def _submit_all(found: Lap) -> None:
    steps = needed_for(read_graph(found.root), found.names)
    found.steps = steps
    futures: dict[str, Future] = {}
    for step in steps:
        task = _task(step.address, found.stage)
        futures[step.address] = task.submit(step, wait_for=[futures[up] for up in step.after])
    for name in found.names:
        comparison_path(Place(found.root), name).unlink(missing_ok=True)  # an earlier lap's
        mine: list[Any] = [futures[step.address] for step in needed_for(steps, [name])]
        futures[f"publish@{name}"] = _task(f"publish@{name}", _publish(found)).submit(name, wait_for=mine)
        ended = [allow_failure(future) for future in (*mine, futures[f"publish@{name}"])]
        futures[f"report@{name}"] = _task(f"report@{name}", _report(found)).submit(name, wait_for=ended)
    wait(list(futures.values()))


def _task(name: str, function: Any) -> Task[..., Any]:
    return Task(
        function,
        name=name,
        task_run_name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retry_condition_fn=_worth_retrying,
        retries=RETRIES,
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
        return found.guard(f"publish@{use_case}", lambda: _publish_or_hold(found, use_case))

    return publish


def _publish_or_hold(found: Lap, use_case: str) -> tuple[str, str]:
    found.may_publish()
    return publish_bundle(found.root, found.home, use_case, found.why, found.replace)
