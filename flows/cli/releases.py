"""`fleetloop history` and `fleetloop restore`: the champions of a use case, and an older one brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.checkout import find_root

if TYPE_CHECKING:
    from pipelines.release import Release, Store

_WIDE = 80  # columns of a terminal that has room for the time beside the day

UseCase = Annotated[str, typer.Argument(help="A use case of params.yaml (`fleetloop use-cases` lists them).")]


def history(use_case: UseCase) -> None:
    """Show the champions of USE_CASE, the newest first: who published when, why, from what data, with what scores."""
    from rich.table import Table

    from pipelines.release import history as read
    from pipelines.report import console
    from pipelines.report.words import metric

    store, primary = _store(use_case)
    releases = read(store, use_case)
    if not releases:
        typer.echo(f"{use_case} has no release in {store.url}; `fleetloop run {use_case}` makes the first")
        return
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for column in ("release", "when (UTC)", "who", "why", "data", "bundle", metric(primary)):
        side: Literal["left", "right"] = "right" if column == metric(primary) else "left"
        table.add_column(column, justify=side, overflow="fold", no_wrap=column not in ("who", "why"))
    screen = console()
    for release in releases:
        table.add_row(*_line(release, primary, day_alone=screen.width < _WIDE))
    screen.print(table)
    typer.echo(f"store: {store.url}")


def restore(
    use_case: UseCase,
    version: Annotated[int, typer.Argument(min=1, help="The older release (`fleetloop history` lists them).")],
    because: Annotated[str, typer.Option(help="Why, for those who read the history.")] = "",
) -> None:
    """Publish an older release of USE_CASE again, under a higher version: a fleet's version never falls.

    The bundle that it replaces counts as withdrawn: no lap publishes it again by itself.
    """
    from datetime import UTC, datetime

    from flows.why import Why
    from pipelines.release import champion
    from pipelines.release import restore as publish_again

    store, _ = _store(use_case)
    before = champion(store, use_case)
    facts = Why("restore").facts() | {"published": datetime.now(UTC).isoformat(timespec="seconds")}
    release = publish_again(store, use_case, version, facts | ({"because": because} if because else {}))
    if release == before:
        typer.echo(f"nothing done: the champion in {store.url}, release {release.version}, is that bundle already")
        return
    typer.echo(f"{use_case} release {release.version} is champion in {store.url}: release {version} again")


def governor(use_case: UseCase) -> None:
    """Show what the governor of USE_CASE decided: every retraining admitted or refused, why, and how it ended."""
    from rich.console import Console

    from flows.governed import governor_table
    from flows.governor import Ledger
    from pipelines.files import Place
    from pipelines.params import load_params
    from pipelines.release import open_store

    root = find_root()
    limits = load_params(root).use_case(use_case).retrain
    record = Ledger(open_store(Place(root)), use_case, limits).read()
    for part in governor_table(record, limits):
        Console().print(part)


def _store(use_case: str) -> tuple[Store, str]:
    """The release store, and the use case's headline metric."""
    from pipelines.files import Place
    from pipelines.params import load_params
    from pipelines.release import open_store

    root = find_root()
    case = load_params(root).use_case(use_case)
    return open_store(Place(root)), case.task.primary


def _line(release: Release, primary: str, day_alone: bool) -> list[str]:
    """A row of the table."""
    from pipelines.report.words import number

    facts = release.facts
    when = facts.get("published", "")[: 10 if day_alone else 16].replace("T", " ")
    words = {"hand": "by hand", "schedule": "on schedule", "ci": "by CI"}
    why = f"restores {release.restores}" if release.restores else words.get(facts.get("cause", ""), facts.get("cause"))
    because = f"{why}: {facts['because']}" if "because" in facts else why or "–"
    return [
        str(release.version),
        when or "–",
        facts.get("by", "–"),
        because,
        release.data[:8] or "–",
        release.bundle[:8],
        number(release.scores.get(primary)),
    ]
