"""A page as HTML, as Markdown, and its tables for the terminal."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.report.colours import css
from pipelines.report.page import Cell, Figure, Link, Page, Section, Table, cell

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_SENTENCE = 28  # letters; a longer cell is a sentence
_LOG_WIDTH = 120
_STYLES = {"good": "green", "bad": "bold red", "muted": "dim", "strong": "bold", "": ""}


def to_html(page: Page) -> str:
    """One self-contained page: no script, no network, light and dark by the reader's setting."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tests = {"table": Table, "figure": Figure, "link": Link}
    for name, kind in tests.items():
        environment.tests[name] = lambda value, kind=kind: isinstance(value, kind)
    environment.filters["cell"] = cell
    return environment.get_template("page.html.j2").render(page=page, colours=css())


def to_markdown(page: Page, figures: bool = True, below: str = "") -> str:
    """The same page as Markdown; figures are links to `<below><name>.svg`, by default beside it, or left out."""
    lines = [f"# {page.title}", "", page.kicker, "", f"**{page.verdict.text}**", ""]
    lines += [f"- {f.label}: **{f.value}**" + (f" ({f.note})" if f.note else "") for f in page.facts]
    for section in page.sections:
        lines += ["", f"## {section.title}", *_markdown_section(section, figures, below)]
    return "\n".join(lines) + "\n"


def _markdown_section(section: Section, figures: bool, below: str) -> list[str]:
    lines = [line for text in section.text for line in ("", text)]
    for block in section.blocks:
        if isinstance(block, Table):
            lines += ["", *_markdown_table(block)]
        elif isinstance(block, Link):
            lines += ["", f"[{block.text}]({block.href})"]
        elif figures:
            lines += ["", f"![{block.caption}]({below}{block.name}.svg)"]
    return lines


def _markdown_table(table: Table) -> list[str]:
    rule = ["---" if i < table.words else "---:" for i in range(len(table.columns))]
    rows = [[_markdown_cell(cell(value)) for value in row] for row in table.rows]
    lines = [f"**{table.title}**", ""] if table.title else []
    lines += ["| " + " | ".join(row) + " |" for row in [list(table.columns), rule, *rows]]
    return lines + (["", f"*{table.note}*"] if table.note else [])


def _markdown_cell(value: Cell) -> str:
    text = value.text.replace("|", "\\|")
    return f"**{text}**" if value.tone in ("bad", "strong") and text else text


def to_terminal(table: Table) -> RichTable:
    """The table for rich's console."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(
        title=table.title,
        title_justify="left",
        title_style="bold",
        caption=table.note or None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    rows = [[cell(value) for value in row] for row in table.rows]
    for i, name in enumerate(table.columns):
        narrowest = _narrowest(name, [row[i].text for row in rows])
        heading = textwrap.fill(name, narrowest) if narrowest else name
        made.add_column(heading, justify="left" if i < table.words else "right", overflow="fold", min_width=narrowest)
    for row in rows:
        made.add_row(*(Text(value.text, style=_STYLES[value.tone]) for value in row))
    return made


def _narrowest(heading: str, texts: list[str]) -> int:
    """Letters that a column needs so that figures stay whole; a heading and a sentence may be broken at words."""
    whole = [text if len(text) <= _SENTENCE else max(text.split(), key=len) for text in texts]
    return max(len(word) for word in (*heading.split(), *whole, ""))


def console() -> Console:
    """Where a command prints its tables. A pipe or a log has no width of its own: wide enough for every table."""
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if known else _LOG_WIDTH)
