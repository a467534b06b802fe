"""Plain lines at memory speed (see `scan_kernels`): a table of those that are, and which are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ingest.text import LONGEST, Lines, is_text
from pipelines.params import TableFormat

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MOST = 1 << 31
"""Bytes of a piece whose texts Arrow can hold in one column."""


@dataclass(frozen=True)
class Column:
    """A column by name. number: it holds numbers or nothing; needed: a number in every line that is read here.
    wanted: it is kept."""

    name: str
    number: bool = False
    needed: bool = False
    wanted: bool = True

    @property
    def kind(self) -> int:
        """As `scan_kernels` know it."""
        if not self.wanted:
            return -1
        return (1 if self.needed else 0) if self.number else 2


def scan_json(lines: Lines, columns: list[Column], telling: Iterable[str]) -> tuple[dict[str, pa.Array], Bools]:
    """Lines of flat objects: the fields of those that could be read, and (n,) which. telling: fields of which a record
    is to say one at least."""
    from pipelines.ingest import scan_kernels as kernels  # numba: only where it computes

    names = [column.name for column in columns]
    space = _Space(lines, columns)
    highest = 255 if is_text(lines.data) else 127
    told = np.array([names.index(name) for name in telling], dtype=np.int64)
    quoted = _words(f'"{name}"' for name in names)
    kernels.json_lines(space.codes, lines.start, lines.end, highest, *quoted, space.kinds, told, *space.out)
    return space.columns(), space.fine


def scan_table(
    lines: Lines, columns: list[Column], form: TableFormat, nothing: Iterable[str]
) -> tuple[dict[str, pa.Array], Bools]:
    """Lines of cells: the columns of those that could be read, and (n,) which. nothing: texts that are no number."""
    from pipelines.ingest import scan_kernels as kernels  # numba: only where it computes

    space = _Space(lines, columns)
    marks = (ord(form.delimiter), ord(form.quote) if form.quote else -1, ord(form.decimal))
    kernels.table_lines(space.codes, lines.start, lines.end, *marks, space.kinds, *_words(nothing), *space.out)
    return space.columns(), space.fine


class _Space:
    """Where the kernels write."""

    def __init__(self, lines: Lines, columns: list[Column]) -> None:
        self._columns, count = columns, len(lines)
        self.codes = np.frombuffer(lines.data, dtype=np.uint8)
        self.kinds = np.array([column.kind for column in columns], dtype=np.int64)
        self._numbers = np.full((len(columns), count), np.nan)
        self._begin = np.full((len(columns), count), -1, dtype=np.int32)
        self._stop = np.full((len(columns), count), -1, dtype=np.int32)
        self.fine = np.zeros(count, dtype=np.bool_)

    @property
    def out(self) -> tuple[Any, ...]:
        return self._numbers, self._begin, self._stop, self.fine

    def columns(self) -> dict[str, pa.Array]:
        """The wanted columns of the fine lines."""
        some = slice(None) if self.fine.all() else self.fine
        found = {}
        for i, column in enumerate(self._columns):
            if column.wanted and column.number:
                found[column.name] = _numbers(np.ascontiguousarray(self._numbers[i][some]))
            elif column.wanted:
                found[column.name] = _texts(self.codes, self._begin[i][some], self._stop[i][some])
        return found


def _numbers(values: NDArray[np.float64]) -> pa.Array:
    """Null where NaN."""
    bits = np.packbits(~np.isnan(values), bitorder="little")
    return pa.Array.from_buffers(pa.float64(), len(values), [pa.py_buffer(bits), pa.py_buffer(values)])


def _texts(codes: NDArray[np.uint8], begin: NDArray[np.int32], stop: NDArray[np.int32]) -> pa.Array:
    from pipelines.ingest import scan_kernels as kernels  # numba: only where it computes

    ends = np.zeros(len(begin) + 1, dtype=np.int32)
    found = kernels.gather(codes, begin, stop, ends)
    bits = np.packbits(begin >= 0, bitorder="little")
    return pa.Array.from_buffers(pa.string(), len(begin), [pa.py_buffer(b) for b in (bits, ends, found)])


def _words(words: Iterable[str]) -> tuple[NDArray[np.uint8], Ints]:
    """Words for the kernels: one after another, and where each begins."""
    encoded = [word.encode() for word in words]
    at = np.cumsum([0, *(len(word) for word in encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), at


def can_scan(lines: Lines, form: TableFormat | None = None) -> bool:
    """Whether the piece is one that the kernels take. form: of a table; None: objects."""
    if form is not None and (form.widths or form.thousands or len(form.delimiter) > 1 or not form.delimiter.isascii()):
        return False
    return len(lines) > 0 and len(lines.data) < MOST and int((lines.end - lines.start).max()) <= LONGEST
