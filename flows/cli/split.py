"""`fleetloop split`: how a fleet is divided."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.checkout import find_root

app = typer.Typer(
    help="Divide a fleet in train, calibration and test.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _split() -> None:
    """Keeps `suggest` a subcommand while it is the only one."""


@app.command()
def suggest(
    use_case: Annotated[str, typer.Argument(help="A use case whose stage `features` has run.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to try.")] = 1000,
) -> None:
    """Find the seed whose sides come nearest to the shares asked for: of devices, rows, failures, vendors and sites.

    A device's side is a hash of its name and the seed, so a small fleet may fall badly. Choose once, at the start:
    another seed moves devices to other sides, and models trained before can no longer be compared with later ones.
    """
    from pipelines.files import Place
    from pipelines.split import suggest_seed

    found = suggest_seed(Place(find_root()), use_case, seeds)
    typer.echo(f"{found.devices} devices, {found.tried} seeds tried")
    typer.echo(f"now  split.seed {found.now}: {found.now_uneven}")
    if found.seed == found.now:
        typer.echo("no other seed is better")
        return
    typer.echo(f"best split.seed {found.seed}: {found.uneven}")
    typer.echo(f"to take it: `split: {{seed: {found.seed}, ...}}` below use_cases.{use_case} in params.yaml")
