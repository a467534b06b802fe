"""A table's fields, one a row of the result: its columns, what its file stands for, and what the mapping derives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fleetloop_edge.decoders.record import derive, fill, holes
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import Derived
from pipelines.ingest.batch import Words
from pipelines.ingest.spread import Wide
from pipelines.ingest.table import Table

T = TypeVar("T")
Ints = NDArray[np.int64]

GIVEN = frozenset({"row", "file", "folder", "column", "position"})
"""Fields that a template may use though no column has them: a record's place in its file, its file's name and folder,
and, where a record is spread over rows, the column's name and place."""


class Fields:
    """The fields of n rows. A record is one row, or one for each of its spread cells."""

    def __init__(
        self, table: Table, given: Mapping[str, str], derived: Mapping[str, Derived], wide: Wide | None
    ) -> None:
        """given: fields that are the same in every row. wide: the cells that records are spread by."""
        self._table = table
        self._given = given
        self._wide = wide
        self._words: dict[str, Words] = {}
        width = wide.width if wide else 1
        self.row = np.repeat(np.arange(len(table)), width)  # (n,) which record of the table
        self.position = np.tile(np.arange(width), len(table))  # (n,) which of its spread cells
        self._derived = frozenset(derived)
        for name, rule in derived.items():  # each sees those before it, as on the device
            self._words[name] = coded(*self.each(partial(derive, rule), holes(rule.of)))

    def __len__(self) -> int:
        return len(self.row)

    @property
    def place(self) -> Ints:
        """(n,) which record of its file each row comes from, from 1."""
        return self._table.place[self.row]

    def at(self, rows: Ints) -> Some:
        """Some of the rows, as words."""
        return Some(self, rows)

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        spread = self._wide is not None and name in ("column", "position")
        return name in self._table.columns or name in self._given or name in self._derived or name == "row" or spread

    def array(self, name: str) -> pa.Array:
        """(n,) a field's cells; text or what the format has. Null where nothing is said."""
        if self._wide is not None and name in self._wide.cells:
            return self._wide.cells[name]
        column = self._column(name)
        if column is not None:
            return column if self._wide is None else column.take(pa.array(self.row))
        if name == "row":
            return pa.array(self._table.place[self.row])
        found = self.words(name)
        return pa.array([*found.words, None], pa.string()).take(pa.array(found.codes % (len(found.words) + 1)))

    def _column(self, name: str) -> pa.Array | None:
        column = None if name in self._derived else self._table.columns.get(name)
        if column is not None and pa.types.is_dictionary(column.type):
            return column.dictionary_decode()
        return column

    def words(self, name: str) -> Words:
        """A field as text."""
        if name not in self._words:
            self._words[name] = self._find(name)
        return self._words[name]

    def _find(self, name: str) -> Words:
        if self._wide is not None and name in ("column", "position"):
            names = self._wide.names if name == "column" else [str(i) for i in range(self._wide.width)]
            return Words(tuple(names), self.position.astype(np.int32))
        if name in self._given and name not in self._table.columns:
            return Words((self._given[name],), np.zeros(len(self), dtype=np.int32))
        if self._wide is not None and name in self._wide.cells:
            return encoded(self._wide.cells[name])
        column = self._table.columns.get(name)
        if column is None and name != "row":
            return Words((), np.full(len(self), -1, dtype=np.int32))
        found = encoded(pa.array(self._table.place) if column is None else column)
        return found if self._wide is None else Words(found.words, found.codes[self.row])

    def each(
        self, function: Callable[[dict[str, Any]], T], names: tuple[str, ...]
    ) -> tuple[list[T | DecodeError], Ints]:
        """function(fields) for each different set of the named fields, or its DecodeError; (n,) which it is."""
        return each(function, {name: self.words(name) for name in names}, len(self))

    def template(self, template: str | None) -> Words:
        """A template, filled in; nothing where it needs what is absent."""
        answers, codes = self.each(lambda fields: fill(template, fields), holes(template) if template else ())
        return coded(answers, codes)


class Some:
    """Some rows of the fields."""

    def __init__(self, fields: Fields, rows: Ints) -> None:
        self._fields, self._rows = fields, rows

    def each(
        self, function: Callable[[dict[str, Any]], T], names: tuple[str, ...]
    ) -> tuple[list[T | DecodeError], Ints]:
        """As that of Fields."""
        columns = {name: self._fields.words(name) for name in names}
        some = {name: Words(column.words, column.codes[self._rows]) for name, column in columns.items()}
        return each(function, some, len(self._rows))


def each(
    function: Callable[[dict[str, Any]], T], columns: dict[str, Words], count: int
) -> tuple[list[T | DecodeError], Ints]:
    """function(fields) for each different set of cells, or its DecodeError; (count,) which of them each row has."""
    if not count:
        return [], np.zeros(0, dtype=np.int64)
    codes, size = np.zeros(count, dtype=np.int64), 1
    for column in columns.values():
        size *= len(column.words) + 1
        codes = codes * (len(column.words) + 1) + (column.codes + 1)
        codes, size = _dense(codes, size)  # small, so that no product overflows
    first = np.empty(size, dtype=np.int64)
    first[codes[::-1]] = np.arange(count)[::-1]  # of several, the last one stands
    answers: list[T | DecodeError] = []
    for place in first.tolist():
        try:
            answers.append(function({name: _word(column, place) for name, column in columns.items()}))
        except DecodeError as error:
            answers.append(error)
    return answers, codes


def _dense(codes: Ints, size: int) -> tuple[Ints, int]:
    """Codes below `size` as their ranks among those in use, and how many these are."""
    if size > 4 * len(codes):
        distinct, ranks = np.unique(codes, return_inverse=True)
        return ranks, len(distinct)
    used = np.bincount(codes, minlength=size) > 0
    rank = np.cumsum(used) - 1
    return rank[codes], int(used.sum())


def _word(column: Words, place: int) -> str | None:
    code = int(column.codes[place])
    return None if code < 0 else column.words[code]


def coded(answers: list[Any], codes: Ints) -> Words:
    """Answers, one for each code, as words; an error or None says nothing."""
    places: dict[str, int] = {}
    of = [places.setdefault(a, len(places)) if isinstance(a, str) else -1 for a in answers]
    return Words(tuple(places), np.asarray([*of, -1], dtype=np.int32)[codes])


def encoded(column: pa.Array) -> Words:
    """A column's different cells, as text."""
    if pa.types.is_dictionary(column.type):
        found = column
    else:
        found = (column if pa.types.is_string(column.type) else pc.cast(column, pa.string())).dictionary_encode()
    codes = found.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Words(tuple(found.dictionary.to_pylist()), codes)
