"""`fleetloop stage`: what dvc.yaml calls. One stage of one dataset or use case, in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.checkout import find_root


def stage(
    stage: Annotated[str, typer.Argument(help="ingest, validate (of a dataset); features ... export (of a use case).")],
    name: Annotated[str, typer.Argument(help="The dataset or use case.")],
) -> None:
    """Run one stage here and now, whether or not DVC thinks it is needed.

    `dvc.yaml` calls this. By hand, prefer `dvc repro -s STAGE@NAME`, which runs it only where something changed.
    How it ended is written to .fleetloop/NAME/STAGE/outcome.json, which the flow reads.
    """
    from flows.cli.failure import explain
    from flows.environment import quiet_libraries, steady_threads
    from flows.outcome import Outcome, Status, write_outcome

    steady_threads()
    quiet_libraries()
    root = find_root()
    _check(stage, name)
    write_outcome(root, Outcome(stage, name, "started"))
    try:
        _run(stage, name)
    except BaseException as error:
        found = explain(error)
        code, reason = found if found else (3, f"{type(error).__name__}: {' '.join(str(error).split())}")
        status: Status = {1: "refused", 2: "user_error"}.get(code, "crashed")  # type: ignore[assignment]
        retryable = bool(getattr(error, "retryable", False))
        write_outcome(root, Outcome(stage, name, status, reason, retryable))
        raise
    write_outcome(root, Outcome(stage, name, "ok"))


def _check(stage: str, name: str) -> None:
    """Raise ParamsError for an unknown stage, dataset or use case, naming the known ones."""
    from pipelines import DATASET_STAGES, STAGES
    from pipelines.errors import ParamsError
    from pipelines.params import load_params

    if stage not in STAGES:
        raise ParamsError(f"no stage {stage!r}; expected one of {', '.join(STAGES)}")
    params = load_params(find_root())
    if stage in DATASET_STAGES:
        params.dataset(name)
    else:
        params.use_case(name)


def _run(stage: str, name: str) -> None:
    import importlib

    from pipelines.files import Place

    room, _, _ = stage.partition("_")  # train has two stages, each with its own entry
    module = importlib.import_module(f"pipelines.{room}.stage")
    entry = module.main if room == stage else getattr(module, stage)
    entry(Place(find_root()), name)
