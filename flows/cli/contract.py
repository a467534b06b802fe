"""`fleetloop contract`: the last verdict on a dataset's contract, and a draft of one from its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.checkout import find_root

app = typer.Typer(
    help="Show the last verdict on a dataset's data contract; draft a contract from its history.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dataset = Annotated[str, typer.Argument(help="A dataset of params.yaml (`fleetloop data list` lists them).")]
_STYLES = {"holds": "green", "warns": "yellow", "fails": "bold red"}


@app.command()
def show(
    dataset: Dataset,
    all_rules: Annotated[bool, typer.Option("--all", help="Also the rules that hold.")] = False,
    now: Annotated[datetime | None, typer.Option(help="The moment (UTC) to judge freshness by.")] = None,
) -> None:
    """Show the last verdict on DATASET's contract: what fails, what warns, and where every record went.

    Where the contract has `fresh_s_max`, the newest row's age is judged here and now: a DVC stage knows no clock.
    Exit 1 where it is broken. The Data Docs lie in .fleetloop/DATASET/validate/docs.
    """
    from rich.table import Table
    from rich.text import Text

    from pipelines.files import Place
    from pipelines.params import load_params
    from pipelines.report import console
    from pipelines.validate import Verdict, read_verdict

    root = find_root()
    contract = load_params(root).dataset(dataset).contract
    verdict = Verdict.from_dict(dataset, read_verdict(Place(root), dataset))
    fresh = verdict.fresh(contract, (now or datetime.now(UTC)).replace(tzinfo=UTC).timestamp())
    if fresh is not None:
        verdict = replace(verdict, tables=(*verdict.tables, fresh))
    screen = console()
    screen.print(Text(verdict.summary()))
    table = Table(box=None, header_style="bold")
    for column in ("", "rule", "says"):
        table.add_column(column)
    held = [result for result in verdict.tables if result.passed] if all_rules else []
    for word, results in (("fails", verdict.failures), ("warns", verdict.warnings), ("holds", held)):
        for result in results:
            table.add_row(Text(word, style=_STYLES[word]), result.rule, Text(result.sentence))
    if table.row_count:
        screen.print(table)
    if not verdict.passed:
        raise typer.Exit(1)


@app.command()
def suggest(dataset: Dataset) -> None:
    """Draft DATASET's contract from its healthy rows, as YAML to put into params.yaml; each line says why.

    Rows before failures, after events and under labels of trouble are left out, as `datasets.DATASET.healthy` says; how
    many is said first. It tells how the fleet is, not how it should be: read it over.
    """
    from pipelines.files import Place
    from pipelines.ingest import ingest_report, read_events, read_labels, stream_rows
    from pipelines.params import load_params
    from pipelines.validate import History
    from pipelines.validate import suggest as draft

    root = find_root()
    spec = load_params(root).dataset(dataset)
    place = Place(root)
    rows = stream_rows(place, dataset, tuple(spec.channels))
    history = History(spec.healthy, read_events(place, dataset), read_labels(place, dataset))
    typer.echo(draft(dataset, rows, ingest_report(place, dataset), spec.channels, spec.period_s, history), nl=False)
