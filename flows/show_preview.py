"""`fleetloop data preview` on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

_BARS = "▁▂▃▄▅▆▇█"
_KEYS, _CELL, _NARROW = 34, 11, 110  # characters: device and time, a channel's cell, a terminal that is narrow


def show_preview(console: Console, view: Any) -> None:
    """One source (pipelines.ingest.preview.SourceView): its rows, channels, times and troubles."""
    part = "" if view.whole else ", its beginning"
    console.print(f"\n[bold]{view.source}[/bold] ({view.kind}): {view.file}{part}; files: {view.files:,}")
    console.print(f"  records {view.records:,}, rows {view.rows:,}, devices {view.devices:,}, set aside {view.aside:,}")
    if view.span:
        console.print(f"  first device: {view.span[0]} to {view.span[1]} UTC{_rate(view)}", soft_wrap=True)
    for what in ("labels", "events"):
        if found := getattr(view, what):
            console.print(f"  {what}: " + ", ".join(f"{name} {count:,}" for name, count in found.items()))
    if view.first:
        _print_rows(console, view)
    if view.channels:
        _print_channels(console, view)
    for trouble in view.troubles:
        console.print(f"! {trouble}", style="yellow", soft_wrap=True, highlight=False, markup=False)


def course_of(values: list[float | None]) -> str:
    """A small plot in one line of text; a blank where nothing was measured."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, width = min(known), (max(known) - min(known)) or 1.0
    top = len(_BARS) - 1
    return "".join(" " if value is None else _BARS[round((value - low) / width * top)] for value in values)


def _rate(view: Any) -> str:
    if view.steps is None:
        return ""
    usual, shortest, longest = view.steps
    return f"; a row each {usual:g} s ({shortest:g} to {longest:g}), {view.gaps:,} gaps"


def _print_rows(console: Console, view: Any) -> None:
    if len(view.header) > 2 + max(1, (console.width - _KEYS) // _CELL):
        return _print_turned(console, view)
    table = Table(box=None, header_style="bold")
    for name in view.header:
        key = name in ("device", "time")
        table.add_column(name, justify="left" if key else "right", no_wrap=key, overflow="ellipsis" if key else "fold")
    for row in view.first:
        table.add_row(*row)
    console.print(table)
    return None


def _print_turned(console: Console, view: Any) -> None:
    """The same where the columns are too many for the screen: a line a column, as many rows as there is room for."""
    longest = max(len(cell) for row in view.first for cell in row)
    room = (console.width - max(len(name) for name in view.header) - 2) // (longest + 2)
    table = Table(box=None, show_header=False)
    for _ in range(1 + max(1, min(room, len(view.first)))):
        table.add_column(overflow="fold")
    for place, name in enumerate(view.header):
        table.add_row(name, *(row[place] for row in view.first[: max(1, room)]))
    console.print(table)


def _print_channels(console: Console, view: Any) -> None:
    table = Table(box=None, header_style="bold")
    for name in ("channel", "unit", "lowest", "highest", "missing", "aside", "first device's course"):
        table.add_column(name, justify="left" if name[0] in "cfu" else "right", no_wrap=True)
    every = 2 if console.width < _NARROW else 1
    for one in view.channels:
        ends = ["" if end is None else f"{end:.5g}" for end in (one.low, one.high)]
        table.add_row(one.name, one.unit, *ends, f"{one.missing:.1%}", f"{one.aside:,}", course_of(one.course[::every]))
    console.print(table)
