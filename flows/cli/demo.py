"""`fleetloop demo`: things shown from end to end, on a simulated fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.checkout import find_root

if TYPE_CHECKING:
    from pipelines.demo import Story

app = typer.Typer(
    help="Show the loop on a simulated fleet.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def demo() -> None:
    """Show the loop on a simulated fleet."""


@app.command()
def loop(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder to use [default: .fleetloop/demo-loop].")
    ] = None,
) -> None:
    """Two simulated months in minutes: a champion, sensor faults, new firmware, a drift, and what the loop does.

    What happens stands in the block `demo` of params.yaml. The timeline (HTML and JSON) tells what was caught and when,
    what was refused, what was retrained, and what it was worth in money against never retraining, a monthly schedule,
    and retraining at every alarm.
    """
    from flows.demo import show_loop
    from flows.environment import quiet_libraries, steady_threads

    steady_threads()
    quiet_libraries()
    root = find_root()
    page, story = show_loop(root, (output or root / ".fleetloop" / "demo-loop").resolve(), typer.echo)
    _show(story)
    typer.echo(f"timeline: {page}")


def _show(story: Story) -> None:
    from pipelines.demo import caught_table, costs_table
    from pipelines.report import console
    from pipelines.report.render import to_terminal

    screen = console()
    screen.print()
    for table in (caught_table(story.seen), costs_table(story)):
        screen.print(to_terminal(table))
    for sentence in (story.tickets, story.verdict):
        screen.print(sentence, highlight=False)
