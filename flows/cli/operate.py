"""`fleetloop up`, `status`, `down`: the loop that runs by itself."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from flows.checkout import find_root


def up(
    host: Annotated[str, typer.Option(help="The address that the services listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65533, help="Prefect's; the next two are Evidently's and the papers'.")
    ] = 4200,
    database: Annotated[
        str, typer.Option(envvar="FLEETLOOP_DATABASE", help="postgresql+asyncpg://… [default: SQLite in the checkout].")
    ] = "",
) -> None:
    """Start the loop of this checkout: Prefect's server and UI, a worker, deployments, automations, Evidently's UI.

    They run on after this command, each restarted where it dies, until `fleetloop down`. Runs of the active use cases
    start by schedule, by drift, and from the UI, each in its own workspace. Run it again after `fleetloop activate`.
    """
    from flows.environment import quiet_libraries
    from flows.up import control
    from flows.up.deploy import deploy
    from flows.workspace import uncommitted

    quiet_libraries()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended half-way it leaves nothing behind, as by Ctrl-C
    root = find_root()
    ran = control.running(root) is not None
    plan = control.start(root, host, port, database, typer.echo)
    try:
        names = deploy(plan)
    except KeyboardInterrupt:
        if not ran:
            control.stop(root)
        raise
    typer.echo(f"deployments: {', '.join(names)}")
    typer.echo(f"Prefect: {plan.server_url}   Evidently: {plan.evidently_url}   papers of runs: {plan.pages_url}")
    lacking = " ".join(uncommitted(root))
    if lacking:
        typer.echo(f"runs begin from the last commit; to take in what is newer here: git add {lacking} && git commit")


def status() -> None:
    """Show whether the loop of this checkout runs: each service, its process, whether it answers. Exit 1 where not."""
    from rich.console import Console
    from rich.table import Table

    from flows.up import control

    states = control.look(find_root())
    if not states:
        typer.echo("nothing runs here; `fleetloop up` starts it")
        raise typer.Exit(1)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("service", "process", "answers", "restarts", "address"):
        table.add_column(column)
    for state in states:
        answers = "yes" if state.healthy else "no"
        table.add_row(state.name, str(state.pid or "–"), answers, str(state.restarts), state.url)
    Console().print(table)
    if not all(state.healthy for state in states):
        raise typer.Exit(1)


def down() -> None:
    """Stop the loop of this checkout: the worker and its runs first, then the rest. No process is left."""
    from flows.up import control

    typer.echo("stopped" if control.stop(find_root()) else "nothing ran here")
