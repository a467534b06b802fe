"""A text table's dialect, guessed from its first lines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from fleetloop_edge.decoders.cell import number
from pipelines.ingest.cells import split_line
from pipelines.params import TableFormat

LINES = 200
_DELIMITERS = (",", ";", "\t", "|", "whitespace")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})*,[0-9]+|[+-]?[0-9]+,[0-9]+")
_POINT_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+")
_COMMENTS = ("#", "//", "%", "!")
_NOT_NUMBERS = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "nil", "missing", "---"})


@dataclass
class Dialect:
    """A guess, and the reason for each part of it: key of TableFormat -> words."""

    form: TableFormat
    why: dict[str, str] = field(default_factory=dict)


def dialect_of(data: bytes) -> Dialect:
    """The dialect of a table. data: its first bytes, cut at a line's end."""
    encoding = _encoding(data)
    text = data.decode(encoding, "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in text.split("\n")[:LINES] if line.strip()]
    comment = next((mark for mark in _COMMENTS if lines and lines[0].startswith(mark)), "")
    kept = [line for line in lines if not comment or not line.startswith(comment)]
    delimiter, width = _delimiter(kept)
    form = TableFormat(delimiter=delimiter, encoding=encoding, comment=comment)
    why = {"delimiter": f"{width} cells in most lines"}
    rows = [split_line(line, form) for line in kept]
    first = next((i for i, row in enumerate(rows) if len(row) in (width, width - 1) and width > 1), 0)
    rows = rows[first:]
    form, why = _decimal(form, rows, why)
    form = form.model_copy(update={"skip": _lines_before(text, kept[first]) if first and kept else 0})
    if form.skip:
        why["skip"] = "lines before the first that has as many cells as most"
    return _header(form, rows, width, why)


def _encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > len(data) - 4 else "latin-1"
    return "utf-8"


def _delimiter(lines: list[str]) -> tuple[str, int]:
    """The one that parts most lines into the same number of cells, more than one; "," where none does."""
    best: tuple[float, int, str] = (0.0, 1, ",")
    for delimiter in _DELIMITERS:
        form = TableFormat(delimiter=delimiter)
        widths = Counter(len(split_line(line, form)) for line in lines)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        share = count / len(lines)
        blanks = delimiter == "whitespace"  # what looks like one blank may part words or date and time
        if width > 1 and (share, width - 100 * blanks) > (best[0] + (0.05 if blanks else 0.0), best[1]):
            best = (share, width, delimiter)
    return best[2], best[1]


def _lines_before(text: str, line: str) -> int:
    return text.split("\n").index(line)


def _decimal(form: TableFormat, rows: list[list[str]], why: dict[str, str]) -> tuple[TableFormat, dict[str, str]]:
    cells = [cell.strip() for row in rows[1:] for cell in row]
    commas = sum(bool(_COMMA_NUMBER.fullmatch(cell)) for cell in cells) if form.delimiter != "," else 0
    points = sum("." in cell and number(cell) is not None for cell in cells)
    if commas <= points:
        return form, why
    grouped = any(_POINT_THOUSANDS.fullmatch(cell) for cell in cells)
    change = {"decimal": ","} | ({"thousands": "."} if grouped else {})
    return form.model_copy(update=change), why | {"decimal": f"{commas} cells look like 1,5"}


def _header(form: TableFormat, rows: list[list[str]], width: int, why: dict[str, str]) -> Dialect:
    """A header is a first line of words over columns of numbers, or of names that do not come again."""
    if not rows:
        return Dialect(form, why)
    named = [bool(cell.strip()) and not _is_number(cell, form) for cell in rows[0]]
    body = rows[1:]
    numeric = [sum(_is_number(row[i], form) for row in body if len(row) > i) * 2 > len(body) for i in range(width)]
    over_numbers = sum(a and b for a, b in zip(named, numeric, strict=False))
    if not over_numbers and not (all(named) and not any(rows[0] == row for row in body) and not any(numeric)):
        why["header"] = "the first line holds numbers too: the columns are numbered"
        return Dialect(form.model_copy(update={"header": 0}), why)
    why["header"] = "the first line holds names over columns of numbers"
    if len(rows[0]) == width - 1 and body:
        names = ("row", *(cell.strip() for cell in rows[0]))
        why["columns"] = "the header has one name less than the lines have cells"
        return Dialect(form.model_copy(update={"columns": names}), why)
    second = body[0] if body else []
    words = [not _is_number(cell, form) for cell, is_numeric in zip(second, numeric, strict=False) if is_numeric]
    if words and all(words) and len(body) > 1:
        why["after_header"] = "a line of units"
        form = form.model_copy(update={"after_header": 1})
    return Dialect(form, why)


def _is_number(cell: str, form: TableFormat) -> bool:
    """Whether a cell is a number, or one of the usual words for none."""
    text = cell.strip()
    if text.lower() in _NOT_NUMBERS:
        return True
    if form.thousands:
        text = text.replace(form.thousands, "")
    return number(text.replace(form.decimal, ".") if form.decimal != "." else text) is not None
