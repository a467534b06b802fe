"""Lines → cells: by Arrow's CSV reader where the lines are what they seem, else line by line."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from pipelines.ingest.text import Lines
from pipelines.params import TableFormat

Ints = NDArray[np.int64]
Wrong = list[tuple[int, int]]
"""Lines with the wrong number of cells: their place, and how many they have."""


@dataclass(frozen=True)
class Numbers:
    """Columns that hold nothing but numbers, and the texts that mean "not measured" in them."""

    columns: frozenset[int]
    nothing: tuple[str, ...]


_BLANKS = re.compile(rb"[ \t\v\f\r]+")
_BLOCK = 1 << 20


def split_cells(
    lines: Lines, form: TableFormat, columns: int, wanted: list[int], numbers: Numbers
) -> tuple[list[pa.Array], Ints, Wrong]:
    """The cells of the wanted columns, the places of the lines that they are of, and the other lines.

    Cells are text; those of `numbers` are numbers, where every one of them is a plain number or a code for nothing.
    """
    if form.widths:
        return _by_width(lines, form, wanted)
    found = None
    if numbers.columns and not form.thousands:
        found = _by_arrow(lines, form, columns, wanted, numbers)
    if found is None:
        found = _by_arrow(lines, form, columns, wanted, Numbers(frozenset(), ()))
    return found if found is not None else _by_line(lines, form, columns, wanted)


def split_line(line: str, form: TableFormat) -> list[str]:
    """The cells of one line."""
    if form.widths:
        ends = np.cumsum(form.widths).tolist()
        return [line[a:b].strip() for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    if form.delimiter == "whitespace":
        return line.split()
    if form.quote and form.quote in line:
        try:
            return next(csv.reader([line], delimiter=form.delimiter, quotechar=form.quote))
        except (csv.Error, StopIteration):  # a cell beyond the reader's limit: as it stands, and let the count judge
            return line.split(form.delimiter)
    return line.split(form.delimiter)


def _by_arrow(
    lines: Lines, form: TableFormat, columns: int, wanted: list[int], numbers: Numbers
) -> tuple[list[pa.Array], Ints, Wrong] | None:
    """None where Arrow sees other lines than we do, as at a quoted newline, or no number where one should be."""
    if not len(lines) or not columns:
        return None
    data = lines.joined()
    delimiter, quote = form.delimiter, form.quote or False
    if delimiter == "whitespace":
        quote = False
        data, delimiter = _BLANKS.sub(b"\t", data).strip(b"\t"), "\t"
        data = data.replace(b"\n\t", b"\n").replace(b"\t\n", b"\n")
    wrong: Wrong = []

    def set_aside(row: Any) -> str:
        wrong.append((row.number - 1, row.actual_columns))
        return "skip"

    names = [str(i) for i in range(columns)]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            pyarrow.csv.ReadOptions(use_threads=False, column_names=names, block_size=_block(lines)),
            pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char=quote, invalid_row_handler=set_aside),
            pyarrow.csv.ConvertOptions(
                check_utf8=False,
                column_types={n: pa.float64() if i in numbers.columns else pa.string() for i, n in enumerate(names)},
                decimal_point=form.decimal,
                null_values=["", *numbers.nothing],
                include_columns=[names[i] for i in wanted] or names[:1],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows + len(wrong) != len(lines) or not all(_finite(column) for column in table.itercolumns()):
        return None
    good = np.setdiff1d(np.arange(len(lines)), [place for place, _ in wrong], assume_unique=True)
    return [table.column(names[i]).combine_chunks() for i in wanted], good, wrong


def _finite(column: pa.ChunkedArray) -> bool:
    """Whether no cell was read as nan or inf: words that the device's decoder judges otherwise."""
    return not pa.types.is_floating(column.type) or bool(pc.all(pc.is_finite(column)).as_py() is not False)


def _block(lines: Lines) -> int:
    return max(_BLOCK, int((lines.end - lines.start).max()) + 2)


def _by_line(lines: Lines, form: TableFormat, columns: int, wanted: list[int]) -> tuple[list[pa.Array], Ints, Wrong]:
    rows, good, wrong = [], [], []
    for place in range(len(lines)):
        cells = split_line(lines.text(place), form)
        if len(cells) == columns:
            rows.append(cells)
            good.append(place)
        else:
            wrong.append((place, len(cells)))
    found = [pa.array([row[i] for row in rows], pa.string()) for i in wanted]
    return found, np.asarray(good, dtype=np.int64), wrong


def _by_width(lines: Lines, form: TableFormat, wanted: list[int]) -> tuple[list[pa.Array], Ints, Wrong]:
    """Cells at fixed places; a line that ends before the last column begins has too few."""
    texts = pa.array([lines.text(i) for i in range(len(lines))], pa.string())
    ends = np.cumsum(form.widths)
    begins = ends - np.asarray(form.widths)
    size = pc.utf8_length(texts).to_numpy()
    complete = size > begins[-1] if len(lines) else np.zeros(0, dtype=bool)
    good = np.flatnonzero(complete)
    wrong = [(int(i), int(np.searchsorted(begins, size[i]))) for i in np.flatnonzero(~complete)]
    kept = texts.take(pa.array(good))
    cells = [pc.utf8_slice_codeunits(kept, start=int(begins[i]), stop=int(ends[i])) for i in wanted]
    return [pc.utf8_trim_whitespace(cell) for cell in cells], good, wrong


def plain_numbers(cells: pa.Array, form: TableFormat) -> pa.Array:
    """6.543,2 → 6543.2 as `form` says. What is no number in its form stays as it is, and so becomes none.

    A point is not read as a decimal point where a comma is: 1.234 may mean a thousand.
    """
    point, mark = re.escape(form.decimal), re.escape(form.thousands)
    whole = rf"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|[0-9]*)" if form.thousands else "[0-9]*"
    text = pc.utf8_trim_whitespace(cells)
    numbers = pc.match_substring_regex(text, rf"^[+-]?{whole}(?:{point}[0-9]*)?(?:[eE][+-]?[0-9]+)?$")
    plain = pc.replace_substring(text, form.thousands, "") if form.thousands else text
    plain = pc.replace_substring(plain, form.decimal, ".") if form.decimal != "." else plain
    if form.decimal == ",":  # any other text with a point is no number either
        cells = pc.if_else(
            pc.match_substring_regex(text, r"^[-+0-9.eE]*$"), pc.replace_substring(text, ".", ","), cells
        )
    return pc.if_else(numbers, plain, cells)
