"""`fleetloop features`: what a use case's features are like, and the wide table of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.checkout import find_root

app = typer.Typer(
    help="Look at the features of a use case; write them as a wide table.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

UseCase = Annotated[str, typer.Argument(help="A use case whose stage `split` has run.")]


@app.command()
def show(use_case: Annotated[str, typer.Argument(help="A use case of params.yaml.")]) -> None:
    """Show the features in force: as params.yaml states them, or the task's own where it states none."""
    from pipelines.features import shown
    from pipelines.params import load_params, stated_features

    root = find_root()
    case = load_params(root).use_case(use_case)
    whose = "stated in params.yaml" if stated_features(root, use_case) else f"those of the task {case.task.kind}"
    typer.echo(f"# {whose}\n{shown(case.features)}")


@app.command()
def report(use_case: UseCase) -> None:
    """Write a page on the features: summary, missingness, likeness, and which of them the models found useful."""
    from pipelines.evaluate import write_feature_report
    from pipelines.files import Place

    typer.echo(write_feature_report(Place(find_root()), use_case))


@app.command()
def export(
    use_case: UseCase,
    folder: Annotated[Path, typer.Option("--output", "-o", help="An empty folder, or one that does not exist.")],
) -> None:
    """Write every feature of every row as Parquet, a file a bucket, in memory that does not grow with the fleet."""
    from pipelines.features import write_wide
    from pipelines.files import Place
    from pipelines.split import read_learnt_spec

    place = Place(find_root())
    rows = write_wide(place, use_case, read_learnt_spec(place, use_case), folder)
    typer.echo(f"{rows:,} rows in {folder}")
