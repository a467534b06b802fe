"""What a page says, apart from how it is shown: the same page becomes HTML, Markdown and terminal tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "good", "bad", "muted", "strong"]


@dataclass(frozen=True)
class Cell:
    """A piece of text and what it means: good (passed), bad (failed), muted, strong. href: where it leads."""

    text: str
    tone: Tone = ""
    href: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts; the first `words` columns are words (left), the others numbers (right)."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    words: int = 1
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """An SVG picture with its caption; `name` is its file's name without suffix."""

    name: str
    svg: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Link:
    """A way to a file beside the page."""

    text: str
    href: str


@dataclass(frozen=True)
class Fact:
    """One of the few numbers that stand at the top."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, sentences, then tables, figures and links in order."""

    title: str
    text: tuple[str, ...] = ()
    blocks: tuple[Table | Figure | Link, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page. verdict: the one sentence to read, with its tone."""

    title: str
    kicker: str  # small line above the title
    verdict: Cell
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]


def cell(value: Cell | str) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)
