"""The flow `retrain`: take the raw files that arrived since into the dataset, run the lap, publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.checkout import one_lap_at_a_time
from flows.lap import lap
from flows.raw import track
from pipelines.errors import PipelineError
from pipelines.files import Place
from pipelines.params import load_params


@task(name="take in raw files", cache_policy=NO_CACHE, persist_result=False)
def take_in(root: Path, dataset: str) -> None:
    """Let DVC track what now stands in data/raw/<dataset>."""
    track(root, dataset)
    files = sum(1 for path in Place(root).raw(dataset).rglob("*") if path.is_file())
    get_run_logger().info("%s: %d raw files", dataset, files)


@flow(name="retrain", persist_result=False)
def retrain(use_case: str, root: str = ".") -> Any:
    """One more lap of `use_case` over all raw files that are there now. Same ending as `lap`."""
    place = Path(root).resolve()
    with one_lap_at_a_time(place, get_run_logger().warning):
        try:
            dataset = load_params(place).use_case(use_case).dataset
            take_in(place, dataset)
        except PipelineError as error:
            return Failed(message=str(error), data={use_case: (error.exit_code, str(error))})
        ending: Any = lap([use_case], root, return_state=True)
        kind = Completed if ending.is_completed() else Failed
        return kind(message=ending.message, data=ending.result(raise_on_failure=False))
