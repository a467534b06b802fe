"""A text table, split into cells: one record a line; plain lines and their numbers kept for the quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingest.batch import Quarantined
from pipelines.ingest.cells import Numbers, plain_numbers, split_cells, split_line
from pipelines.ingest.text import Lines, lines_of, split_unreadable, without_blank, without_comments
from pipelines.params import TableFormat

Ints = NDArray[np.int64]


@dataclass
class Table:
    """The well-formed records of a file, by column, and the others.

    columns: name -> (n,) its cells, text or, in formats that have them, numbers and times; null: nothing said. record:
    (n,) the number of each record in its file (its line, from 1). place: (n,) which record of the file it is, from 1
    (header and blank lines are none). raw: the bytes of one of the n.
    """

    columns: dict[str, pa.Array]
    record: Ints
    place: Ints
    raw: Callable[[int], bytes]
    records: int
    quarantined: list[Quarantined] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.record)

    def fields(self) -> Iterator[dict[str, Any]]:
        """Each record as named fields, with "row", its place in the file."""
        names = list(self.columns)
        columns = [self.columns[name].to_pylist() for name in names]
        for i, place in enumerate(self.place.tolist()):
            yield {"row": place} | {name: column[i] for name, column in zip(names, columns, strict=True)}


def read_table(
    data: bytes,
    path: str,
    form: TableFormat,
    numeric: frozenset[str],
    needed: frozenset[str] | None,
    patterns: tuple[str, ...] = (),
    numbers: frozenset[str] = frozenset(),
    nothing: tuple[str, ...] = (),
) -> Table:
    """Split a file into columns of text, and of numbers.

    numeric: columns whose decimal comma becomes a point and whose thousands' marks vanish. needed: columns that the
    mapping names, None for all; patterns: of those that it spreads over rows; no other is kept. Raises DataError when
    a needed one is missing or when every line has the wrong number of columns.
    """
    head, lines = _parts(lines_of(data, form.encoding), form)
    every = lines.number
    lines, aside = split_unreadable(lines)
    names = names_of(head, lines, form)
    _require(names, needed or frozenset(), path, int(head.number[-1]) if len(head) else 1)
    wanted = [i for i, name in enumerate(names) if needed is None or name in needed or matches(name, patterns)]
    plain = Numbers(frozenset(i for i in wanted if names[i] in numbers), nothing)
    cells, good, wrong = split_cells(lines, form, len(names), wanted, plain)
    for place, count in wrong:
        reason = f"got {count} columns, expected {len(names)}"
        aside.append(Quarantined(int(lines.number[place]), None, "column_count", reason, lines.raw(place)))
    if wrong and not len(good):
        raise DataError(
            f"{path}: row {aside[-len(wrong)].record}: {aside[-len(wrong)].reason}; so is every other row. "
            f"Fetch the file again, or correct `table` of its source in params.yaml"
        )
    columns = dict(zip([names[i] for i in wanted], cells, strict=True))
    if form.decimal == "," or form.thousands:
        columns = {
            name: plain_numbers(cells, form)
            if pa.types.is_string(cells.type) and (name in numeric or matches(name, patterns))
            else cells
            for name, cells in columns.items()
        }
    record = lines.number[good]
    places = np.searchsorted(every, record) + 1
    return Table(columns, record, places, lambda i: lines.raw(int(good[i])), len(every), aside)


def _parts(lines: Lines, form: TableFormat) -> tuple[Lines, Lines]:
    """The header's lines, and those of the records."""
    lines = without_blank(lines.pick(slice(form.skip, None)))
    if not form.skip:  # what follows skipped lines is the header, be it marked as a comment
        lines = without_comments(lines, form.comment)
    rest = without_comments(lines.pick(slice(form.header, None)), form.comment)
    return lines.pick(slice(0, form.header)), _trimmed(rest, form)


def _trimmed(lines: Lines, form: TableFormat) -> Lines:
    return lines.pick(slice(form.after_header, max(len(lines) - form.footer, form.after_header)))


def names_of(head: Lines, lines: Lines, form: TableFormat) -> list[str]:
    """The columns' names: those of the mapping, else of the header, else their numbers from 1."""
    if form.columns:
        return list(form.columns)
    if len(head):
        rows = [split_line(head.text(i).removeprefix(form.comment), form) for i in range(len(head))]
        width = max(len(row) for row in rows)
        filled = [row + [""] * (width - len(row)) for row in rows]
        return [" ".join(cell.strip() for cell in cells if cell.strip()) for cells in zip(*filled, strict=True)]
    count = len(split_line(lines.text(0), form)) if len(lines) else 0
    return [str(i + 1) for i in range(count)]


def _require(names: list[str], needed: frozenset[str], path: str, row: int) -> None:
    absent = sorted(needed - set(names))
    if absent:
        raise DataError(
            f"{path}: row {row}: there is no column {absent[0]!r}; the columns are {', '.join(names)[:300]}. "
            f"Correct the file, or the mapping of its source in params.yaml"
        )
    twice = sorted({name for name in needed if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: row {row}: the column {twice[0]!r} is there twice; name each once")


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a column is named, or fits a pattern."""
    return name in patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
