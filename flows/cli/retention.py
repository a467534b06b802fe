"""`fleetloop retention`: what of a dataset is too old to be kept, and letting it go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.checkout import find_root

if TYPE_CHECKING:
    from rich.table import Table

    from flows.retention import Cached
    from pipelines.ingest import Retirement

_DAYS = ["%Y-%m-%d"]


def retention(
    dataset: Annotated[str, typer.Argument(help="A dataset of params.yaml (`fleetloop data list` lists them).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it and change nothing.")] = False,
    now: Annotated[datetime | None, typer.Option(formats=_DAYS, help="The day that counts as today (UTC).")] = None,
) -> None:
    """Let go what `datasets.DATASET.retention` calls too old: rows, quarantine, raw files, each with its own age.

    Rows and raw files leave at once and do not come back at the next ingest; their bytes leave DVC's cache as soon as
    no lock file names them: of this checkout, its workspaces, any branch, tag or stash of git, any release. So run it
    again after `dvc repro` and a commit. What lies in a DVC remote is left alone.
    """
    from flows.checkout import one_lap_at_a_time
    from flows.retention import apply, planned
    from pipelines.files import Place
    from pipelines.ingest.stage import main
    from pipelines.report import console

    root = find_root()
    when = (now or datetime.now(UTC)).replace(tzinfo=UTC)
    with one_lap_at_a_time(root, lambda holder: typer.echo(holder, err=True)):
        if dry_run:
            found, cached = planned(root, dataset, when)
        else:
            found, cached = apply(root, dataset, when, lambda: main(Place(root), dataset))
    console().print(_table(dataset, found, cached, dry_run))
    if dry_run:
        typer.echo("nothing was changed")
    elif any(item.goes for item in found.items):
        typer.echo("next: `dvc repro`, commit, and this command again to free DVC's cache")


def _table(dataset: str, found: Retirement, cached: list[Cached], dry: bool) -> Table:
    from rich.markup import escape
    from rich.table import Table

    title = f"{dataset}: what {'would go' if dry else 'went'}, and why what stays stays"
    table = Table(title=title, box=None, header_style="bold", title_justify="left")
    for column in ("", "tier", "what", "count", "MB", "newest", "why"):
        table.add_column(column, justify="right" if column in ("count", "MB") else "left", overflow="fold")
    for item in found.items:
        verdict = "[red]goes[/red]" if item.goes else "stays"
        size = f"{item.size / 1e6:.2f}"
        table.add_row(verdict, item.tier, escape(item.name), f"{item.count:,}", size, item.newest, escape(item.why))
    for one in cached:
        what, tier = f"in DVC's cache, as of {one.listing[:8]}", one.tier
        if one.free:
            size, why = f"{one.size / 1e6:.2f}", "no lock file needs it"
            table.add_row("[red]goes[/red]", tier, what, f"{len(one.free):,}", size, "", why)
        if one.needed:
            table.add_row("stays", tier, what, f"{one.needed:,}", "", "", escape(one.why))
    return table
