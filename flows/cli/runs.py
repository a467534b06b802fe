"""`fleetloop run`, `retrain`, `report`: the lap and what it found."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.checkout import find_root
from flows.cli.field import FIELD_LOG, must_exist


class Because(StrEnum):
    """Why a retraining is asked for."""

    hand = "hand"
    schedule = "schedule"
    drift = "drift"
    ci = "ci"


Replace = Annotated[bool, typer.Option("--replace", help="Publish by the gates alone, uncompared with the champion.")]


def run(
    use_cases: Annotated[
        list[str] | None, typer.Argument(metavar="USE_CASE", help="Which; none named: all that are active.")
    ] = None,
    replace: Replace = False,
) -> None:
    """Take use cases from raw payloads to a published bundle, by the Prefect flow `lap`.

    Stages that do not depend on each other run side by side; those that DVC finds unchanged are not run. One use
    case's failure stops no other. A candidate that passed its gates is compared with the champion on the same
    held-out devices, and held where it is worse (`use_cases.NAME.release` in params.yaml). Without PREFECT_API_URL a
    temporary Prefect server is started. The bundle goes to the release store: data/release, or
    FLEETLOOP_STORE=s3://bucket/prefix.
    """
    from flows.terminal import lap_here

    root = find_root()
    names = _active(root, use_cases or [])
    _finish(root, names, lap_here(root, names, replace))


def retrain(
    use_case: Annotated[str, typer.Argument(help="An active use case.")],
    cause: Annotated[Because, typer.Option(help="What the governor is asked for.")] = Because.hand,
    replace: Replace = False,
) -> None:
    """Take the raw files that arrived since into the dataset, run the lap and publish, by the flow `retrain`.

    The governor is asked first: one run in flight per use case; where it is not a person who asks, also cool-down,
    budget and new data (`use_cases.NAME.retrain` in params.yaml). `fleetloop governor` shows what it said.
    """
    from flows.terminal import retrain_here

    root = find_root()
    names = _active(root, [use_case])
    _finish(root, names, retrain_here(root, use_case, cause.value, replace))


def backfill(
    use_case: Annotated[str, typer.Argument(help="The use case whose training reference is compared with.")],
    log: Annotated[Path, typer.Argument(help="A field log (a folder), e.g. of `fleetloop score`.")],
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The span's first day (UTC).")],
    stop: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The day on which it ends.")],
    every_days: Annotated[int, typer.Option(min=1, help="Days from one judgement to the next.")] = 7,
    max_parallel: Annotated[int, typer.Option(min=1, help="Judgements at once.")] = 2,
) -> None:
    """Judge a field log as it was known at each step of a past span, by the flow `backfill`; done ones are skipped.

    Reports only: no ticket is filed and no training starts. They are kept below .fleetloop/backfill.
    """
    from flows.terminal import run_in_terminal
    from pipelines.params import load_params

    root = find_root()
    load_params(root).use_case(use_case)  # before the wait for another lap
    must_exist(log, FIELD_LOG)

    def run() -> Any:
        from flows.backfill import backfill as go

        days = (start.date(), stop.date(), every_days, max_parallel)
        state: Any = go(use_case, str(log.resolve()), *days, str(root), return_state=True)
        if state.is_completed():
            typer.echo(state.message)
        return state

    _end(run_in_terminal(root, run))


def report(
    use_case: Annotated[str, typer.Argument(help="A use case whose lap has run.")],
) -> None:
    """Show the last lap of USE_CASE: scores, gates, what ships and why, size and latency; and the HTML report."""
    from pipelines.params import load_params

    root = find_root()
    load_params(root).use_case(use_case)
    _show(root, use_case)


def compare(
    revision: Annotated[str, typer.Argument(help="A commit or branch, e.g. origin/main.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for comment.md and figures/.")],
    figures: Annotated[str | None, typer.Option(help="Where the pictures will be read [default: beside].")] = None,
) -> None:
    """Write what the last lap changed against REVISION: verdict, scores, gates, figures, metrics, parameters.

    As Markdown, for a pull request; infra/ci/retrain.sh calls this.
    """
    from flows.compare import compare as write

    typer.echo(str(write(find_root(), revision, output, figures)))


def _active(root: Path, names: list[str]) -> list[str]:
    """The use cases to run. Raises ParamsError for an unknown or an inactive one, naming the next step."""
    from pipelines.errors import ParamsError
    from pipelines.params import load_params

    params = load_params(root)
    for name in names:
        params.use_case(name)
        if name not in params.active.use_cases:
            raise ParamsError(f"use case {name!r} is not active; run `fleetloop activate {name}` first")
    chosen = list(dict.fromkeys(names)) or list(params.active.use_cases)
    if not chosen:
        raise ParamsError("no use case is active; run `fleetloop activate USE_CASE` (see `fleetloop use-cases`)")
    return chosen


def _finish(root: Path, names: list[str], failures: dict[str, tuple[int, str]]) -> None:
    """Show the laps that were judged, well or not, then the failures; exit with the worst failure's code."""
    for name in names:
        held = (f"export@{name}:", f"publish@{name}: held")  # by its gates, by the comparison
        if name not in failures or failures[name][1].startswith(held):
            _show(root, name)
    _end(failures)


def _end(failures: dict[str, tuple[int, str]]) -> None:
    """Say each failure once; exit with the worst one's code."""
    for reason in dict.fromkeys(reason for _, reason in failures.values()):
        typer.echo(f"fleetloop: {reason}", err=True)
    if failures:
        raise typer.Exit(max(code for code, _ in failures.values()))


def _show(root: Path, use_case: str) -> None:
    from pipelines.files import Place
    from pipelines.report import console
    from pipelines.report.lap import lap_tables, write_report

    screen = console()
    for table in lap_tables(Place(root), use_case):
        screen.print(table)
    screen.print(f"report: {write_report(Place(root), use_case)}", soft_wrap=True)
