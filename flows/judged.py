"""A judgement and its tickets in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from pipelines.report import console
from pipelines.watch import Judgement, Ticket

NEAREST = 6  # statistics that the table shows, those that come nearest to their limit


def print_judgement(judgement: Judgement) -> None:
    """A table of cohorts and the statistics nearest to their limits, then a line a finding."""
    verdict, screen = judgement.verdict, console()
    nearest: dict[str, float] = {}
    for test in verdict.tests:
        share = (test.value or 0.0) / test.limit
        nearest[test.name] = max(nearest.get(test.name, 0.0), share)
    shown = sorted(nearest, key=lambda name: -nearest[name])[:NEAREST]
    table = Table(box=None, header_style="bold", title="share of the limit, by cohort", title_justify="left")
    table.add_column("cohort", no_wrap=True)
    table.add_column("devices", justify="right")
    for name in shown:
        table.add_column(name.replace(".", "\n"), justify="right")
    for cohort in verdict.cohorts:
        tests = {t.name: t for t in cohort.tests}
        cells = [_cell(tests[name].value, tests[name].limit, tests[name].passed) for name in shown]
        table.add_row(cohort.cohort.name, str(cohort.devices), *cells)
    screen.print(table)
    if judgement.performance is not None:
        screen.print(Text.assemble(("performance: ", "bold"), judgement.performance.sentence), soft_wrap=True)
    for finding in judgement.findings:
        word = "retrain" if finding.retrain else "ticket" if finding.ticket else "wait"
        screen.print(Text.assemble((f"{word}: ", "bold"), finding.sentence), soft_wrap=True)


def print_tickets(use_case: str, tickets: Sequence[Ticket]) -> None:
    """Open tickets first, a line each."""
    screen = console()
    if not tickets:
        screen.print(f"{use_case} has no tickets")
        return
    table = Table(box=None, header_style="bold")
    for column in ("ticket", "state", "kind", "cohort", "masked", "since", "evidence"):
        table.add_column(column, overflow="fold", no_wrap=column in ("ticket", "cohort", "masked"))
    for ticket in sorted(tickets, key=lambda t: (t.closed is not None, t.opened)):
        found = ticket.finding
        state = "open" if ticket.closed is None else f"closed {ticket.closed[:10]}"
        evidence = found.evidence[0] if found.evidence else ""
        kind = found.kind.replace("_", " ")
        table.add_row(ticket.id, state, kind, found.cohort, ", ".join(found.channels), found.first_seen[:10], evidence)
    screen.print(table)


def _cell(value: float | None, limit: float, passed: bool) -> Text:
    if value is None:
        return Text("-", style="dim")
    return Text(f"{value / limit:.0%}", style="" if passed else "bold red")
