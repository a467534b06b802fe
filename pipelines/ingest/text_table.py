"""A text table, split into cells: one record a line; plain lines and their numbers kept for the quarantine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.ingest.batch import Quarantined
from pipelines.ingest.cells import Numbers, plain_numbers, split_cells, split_line
from pipelines.ingest.needs import Needs
from pipelines.ingest.scan import Column, can_scan, scan_table
from pipelines.ingest.table import Table, matches
from pipelines.ingest.text import Lines, across_lines, lines_of, split_unreadable, without_blank, without_comments
from pipelines.params import TableFormat

Ints = NDArray[np.int64]


def read_table(data: bytes, path: str, form: TableFormat, wanted: Needs | None) -> Table:
    """Split a file into columns of text, and of numbers: those that the mapping names, all where wanted is None.

    Raises DataError when a needed one is missing or when every line has the wrong number of columns.
    """
    (table,) = read_tables([lines_of(data, form.encoding)], path, form, wanted, scan=False)
    return table


def read_tables(
    pieces: Iterable[Lines], path: str, form: TableFormat, wanted: Needs | None, scan: bool = True
) -> Iterator[Table]:
    """The same of a file in pieces of whole lines. scan: plain lines may be a table of their own."""
    reader: _Reader | None = None
    for lines in pieces:
        if reader is None:
            head, lines = _parts(lines, form)
            reader = _Reader(names_of(head, lines, form), path, form, wanted)
            _require(reader.names, wanted, path, int(head.number[-1]) if len(head) else 1)
        else:
            lines = without_comments(without_blank(lines), form.comment)
        yield from reader.tables(lines, scan)
    if reader is not None:
        reader.check()


class _Reader:
    """Reads the records of one file, piece by piece."""

    def __init__(self, names: list[str], path: str, form: TableFormat, wanted: Needs | None) -> None:
        self._needs = needs = wanted or Needs(frozenset(), frozenset())
        self.names, self._path, self._form = names, path, form
        self._wanted = [i for i, name in enumerate(names) if wanted is None or needs.asks_for(name)]
        self._numbers = Numbers(frozenset(i for i in self._wanted if names[i] in needs.numbers), needs.nothing)
        self._before = 0  # records of earlier pieces
        self._good = 0
        self._wrong: Quarantined | None = None  # the first record with the wrong number of columns

    def tables(self, lines: Lines, scan: bool) -> Iterator[Table]:
        every = lines.number
        lines, aside = split_unreadable(lines)
        if scan and self._numbers.columns and can_scan(lines, self._form):
            columns, fine = scan_table(lines, self._columns(), self._form, self._needs.nothing)
            if fine.any():
                own = lines.pick(fine)
                yield self._table(columns, own, every, [], len(own))
                lines = lines.pick(~fine)
        else:
            fine = np.zeros(0, dtype=np.bool_)
        if len(lines) or aside or not fine.any():
            yield self._by_cells(lines, every, aside)
        self._before += len(every)

    def check(self) -> None:
        """Raises DataError where every record had the wrong number of columns."""
        if self._wrong is not None and not self._good:
            raise DataError(
                f"{self._path}: row {self._wrong.record}: {self._wrong.reason}; so is every other row. "
                f"Fetch the file again, or correct `table` of its source in params.yaml"
            )

    def _columns(self) -> list[Column]:
        kept, plain, times = set(self._wanted), self._numbers.columns, self._needs.moments
        return [
            Column(name, i in plain or name in times, name in times, i in kept) for i, name in enumerate(self.names)
        ]

    def _by_cells(self, lines: Lines, every: Ints, aside: list[Quarantined]) -> Table:
        count, form = len(lines) + len(aside), self._form
        cells, good, wrong = split_cells(lines, form, len(self.names), self._wanted, self._numbers)
        for place, found in wrong:
            reason = f"got {found} columns, expected {len(self.names)}"
            aside.append(Quarantined(int(lines.number[place]), None, "column_count", reason, lines.raw(place)))
        if wrong and self._wrong is None:
            self._wrong = aside[-len(wrong)]
        columns = dict(zip([self.names[i] for i in self._wanted], cells, strict=True))
        if form.decimal == "," or form.thousands:
            columns = {name: self._plain(name, column) for name, column in columns.items()}
        return self._table(columns, lines.pick(good), every, aside, count)

    def _plain(self, name: str, column: pa.Array) -> pa.Array:
        numeric = name in self._needs.numeric or matches(name, self._needs.patterns)
        return plain_numbers(column, self._form) if numeric and pa.types.is_string(column.type) else column

    def _table(
        self, columns: dict[str, pa.Array], own: Lines, every: Ints, aside: list[Quarantined], count: int
    ) -> Table:
        self._good += len(own)
        places = np.searchsorted(every, own.number) + self._before + 1
        return Table(columns, own.number, places, own.raw, count, aside)


def _parts(lines: Lines, form: TableFormat) -> tuple[Lines, Lines]:
    """The header's lines, and those of the records."""
    lines = lines.pick(slice(form.skip, None))
    lines = without_blank(across_lines(lines, form.quote) if form.multiline else lines)
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


def _require(names: list[str], wanted: Needs | None, path: str, row: int) -> None:
    needed = wanted.names if wanted else frozenset()
    absent = sorted(needed - set(names))
    if absent:
        raise DataError(
            f"{path}: row {row}: there is no column {absent[0]!r}; the columns are {', '.join(names)[:300]}. "
            f"Correct the file, or the mapping of its source in params.yaml"
        )
    twice = sorted({name for name in needed if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: row {row}: the column {twice[0]!r} is there twice; name each once")
