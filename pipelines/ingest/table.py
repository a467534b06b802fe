"""A text table, split into cells: one record a line, plain lines and their numbers kept for the quarantine."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipelines.errors import DataError, ParamsError
from pipelines.ingest.batch import Quarantined
from pipelines.params import TableFormat

_COMMA_NUMBER = re.compile(r"[-+0-9.,eE \t]*")
_UNREADABLE = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of bytes that are no text
_SWAP = str.maketrans(".,", ",.")


@dataclass
class Table:
    """The well-formed records of a file, by column, and the others.

    columns: name -> its cells. lines: line number of each record, from 1. places: which record of the file it is,
    from 1 (the header and blank lines are none). raw: its bytes.
    """

    columns: dict[str, list[str]]
    lines: list[int]
    places: list[int]
    raw: list[bytes]
    records: int
    quarantined: list[Quarantined] = field(default_factory=list)

    def records_as_fields(self) -> Iterator[dict[str, Any]]:
        """Each record as named fields, with "row", its place in the file."""
        names = list(self.columns)
        for place, cells in zip(self.places, zip(*self.columns.values(), strict=True), strict=True):
            yield {"row": place} | dict(zip(names, cells, strict=True))


def read_table(data: bytes, path: str, form: TableFormat, numeric: frozenset[str], needed: frozenset[str]) -> Table:
    """Split a file into columns of text.

    numeric: columns whose decimal comma becomes a point. needed: columns without which the mapping cannot work.
    Raises DataError when one of those is missing or when every line has the wrong number of columns.
    """
    lines = [(n, line) for n, line in enumerate(_text(data, form).split("\n"), start=1) if line.strip()]
    names = list(form.columns)
    if form.header:
        names = [cell.strip() for cell in _split(lines.pop(0)[1], form)]
    _require(names, needed, path)
    table = Table({}, [], [], [], len(lines))
    rows = []
    for place, (number, line) in enumerate(lines, start=1):
        cells = _split(line, form)
        trouble = _trouble(line, cells, len(names))
        if trouble:
            table.quarantined.append(Quarantined(number, None, *trouble, _bytes(line, form)))
            continue
        rows.append(cells)
        table.lines.append(number)
        table.places.append(place)
        table.raw.append(_bytes(line, form))
    if lines and not rows:
        first = table.quarantined[0]
        raise DataError(
            f"{path}: row {first.record}: {first.reason}; so is every other row. "
            f"Fetch the file again, or correct `table` of its source in params.yaml"
        )
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    for name, cells_of in zip(names, columns, strict=True):
        swap = form.decimal == "," and name in numeric
        table.columns[name] = [_point(cell) for cell in cells_of] if swap else list(cells_of)
    return table


def _text(data: bytes, form: TableFormat) -> str:
    """The file as text; bytes that are none in its encoding stay, marked, for the quarantine."""
    try:
        return data.decode(form.encoding, "surrogateescape").removeprefix("\ufeff").replace("\r\n", "\n")
    except LookupError:
        raise ParamsError(f"table.encoding: {form.encoding!r} is no encoding, such as utf-8 or latin-1") from None


def _bytes(line: str, form: TableFormat) -> bytes:
    return line.encode(form.encoding, "surrogateescape")


def _split(line: str, form: TableFormat) -> list[str]:
    if form.delimiter == "whitespace":
        return line.split()
    if '"' in line:
        try:
            return next(csv.reader([line], delimiter=form.delimiter))
        except csv.Error:  # a cell beyond the reader's limit: split as it stands, and let the count judge
            return line.split(form.delimiter)
    return line.split(form.delimiter)


def _trouble(line: str, cells: list[str], expected: int) -> tuple[str, str] | None:
    if len(cells) != expected:
        return "column_count", f"got {len(cells)} columns, expected {expected}"
    if not line.isascii() and _UNREADABLE.search(line):
        return "encoding", "the line is not text in the table's encoding"
    return None


def _require(names: list[str], needed: frozenset[str], path: str) -> None:
    absent = sorted(needed - set(names))
    if absent:
        raise DataError(
            f"{path}: row 1: there is no column {absent[0]!r}; the columns are {', '.join(names)[:300]}. "
            f"Correct the file, or the mapping of its source in params.yaml"
        )
    twice = sorted({name for name in needed if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: row 1: the column {twice[0]!r} is there twice; name each once")


def _point(cell: str) -> str:
    """6,4 → 6.4. A point becomes a comma, and so no number: 1.234 may mean a thousand."""
    return cell.translate(_SWAP) if _COMMA_NUMBER.fullmatch(cell) else cell
