"""The governor's record in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.table import Table
from rich.text import Text

from flows.governor import Line, Record
from pipelines.params import RetrainSpec

SHOWN = 30
"""Decisions in the table, the newest."""


def governor_table(record: Record, limits: RetrainSpec) -> Iterator[Table | Text]:
    """Who is in flight, what waits, the limits, and the newest decisions."""
    lease = record.lease
    yield Text(f"in flight: run {lease.run} since {_moment(lease.since)}" if lease else "in flight: nothing")
    for drift in record.findings:
        yield Text(f"waits since {_moment(drift.found)}: {drift.about}")
    hours = f"{limits.cpu_hours_per_week:g} CPU-hours"
    yield Text(f"limits: {limits.runs_per_week} runs and {hours} a week, cool-down {limits.cool_down_h:g} h")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("when (UTC)", "cause", "decision", "because", "ended", "CPU-hours"):
        table.add_column(column, justify="right" if column == "CPU-hours" else "left")
    for line in reversed(record.lines[-SHOWN:]):
        table.add_row(*_cells(line))
    yield table


def _cells(line: Line) -> list[str]:
    decision = "admitted" if line.admitted else f"refused ({line.rule})"
    times = f"{decision} x{line.times}" if line.times > 1 else decision
    ended = line.outcome or ("running" if line.admitted else "")
    hours = f"{line.cpu_hours:.2f}" if line.cpu_hours else ""
    return [_moment(line.last or line.at), line.cause, times, line.said or line.reason, ended, hours]


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")
