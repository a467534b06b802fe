"""Parquet files that are each sorted by device, read as blocks of whole devices in the order of their names.

Memory holds a block and a batch of each file, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import DataError

BLOCK = 65_536
"""Rows of a block, unless one device has more."""
BATCH = 16_384
"""Rows of a file that are read at once."""
BUFFER = 2**18
"""Bytes of a column that are read ahead; else a row group's would be, whole."""


def blocks_of(
    files: Sequence[Path], made_by: str, columns: Sequence[str] | None = None, rows: int = BLOCK
) -> Iterator[pa.Table]:
    """Blocks of whole devices, about `rows` rows each; within a device file by file, as they were read.

    columns: those wanted, device among them; all by default. The blocks depend on the files and `rows` alone.
    Raises DataError naming the file, and the command that makes it, where one cannot be read.
    """
    open_ = [_Open(file, made_by, columns) for file in files]
    taken: list[pa.Table] = []
    count = 0
    while live := [file for file in open_ if file.more()]:
        frontier = min((file.last for file in live if not file.ended), default=None)
        parts = [file.take_before(frontier) for file in live]
        found = sum(len(part) for part in parts)
        if not found:  # the device at the frontier may go on in what was not read yet
            for file in live:
                if not file.ended and file.last == frontier:
                    file.read()
            continue
        taken += [part for part in parts if len(part)]
        count += found
        if count >= rows:
            yield from _cut(_in_order(taken), rows)
            taken, count = [], 0
    if taken:
        yield from _cut(_in_order(taken), rows)


class Lengths:
    """The rows of one Parquet file, as many at a time as are asked for."""

    def __init__(self, file: Path, made_by: str, columns: Sequence[str] | None = None) -> None:
        self._batches = _batches(file, made_by, columns)
        self._held: pa.Table | None = None

    def take(self, rows: int) -> pa.Table | None:
        """The next `rows` rows, fewer at the file's end; None where none are left."""
        while self._held is None or len(self._held) < rows:
            batch = next(self._batches, None)
            if batch is None:
                break
            self._held = batch if self._held is None else pa.concat_tables([self._held, batch])
        if self._held is None or (rows and not len(self._held)):
            return None
        part, self._held = self._held.slice(0, rows), self._held.slice(rows)
        return part


class _Open:
    """A file that is being read: what of it is held, and the last device that was seen."""

    def __init__(self, file: Path, made_by: str, columns: Sequence[str] | None) -> None:
        self._batches = _batches(file, made_by, columns)
        self._held: pa.Table | None = None
        self.ended, self.last = False, ""
        self.read()

    def read(self) -> None:
        batch = next(self._batches, None)
        if batch is None:
            self.ended = True
        elif len(batch):
            self._held = batch if self._held is None else pa.concat_tables([self._held, batch])
            self.last = batch["device"][-1].as_py()

    def more(self) -> bool:
        """Whether rows are held, or were left to read."""
        while not self.ended and (self._held is None or not len(self._held)):
            self.read()
        return self._held is not None and len(self._held) > 0

    def take_before(self, device: str | None) -> pa.Table:
        """The held rows of devices before this one, of all where it is None."""
        assert self._held is not None
        count = len(self._held)
        if device is not None:
            count = pc.sum(pc.less(_names(self._held), device)).as_py() or 0
        part, self._held = self._held.slice(0, count), self._held.slice(count)
        return part


def _batches(file: Path, made_by: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(file, buffer_size=BUFFER) as opened:
            known = opened.schema_arrow.names
            absent = [name for name in columns or () if name not in known]
            if absent:
                raise DataError(f"{file}: there is no column {absent[0]!r}; run `{made_by}` again")
            for batch in opened.iter_batches(BATCH, columns=None if columns is None else list(columns)):
                yield pa.Table.from_batches([batch])
    except FileNotFoundError:
        raise DataError(f"{file} does not exist; make it with `{made_by}`") from None
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{file} cannot be read ({reason}); delete it and run `{made_by}` again") from None


def _names(table: pa.Table) -> pa.ChunkedArray:
    names = table["device"]
    return names.cast(names.type.value_type) if pa.types.is_dictionary(names.type) else names


def _in_order(parts: list[pa.Table]) -> pa.Table:
    """The parts as one, by device; rows of one device stay in the order of the parts."""
    whole = pa.concat_tables(parts)
    codes = np.unique(_names(whole).to_numpy(), return_inverse=True)[1]
    if (np.diff(codes) >= 0).all():
        return whole
    return whole.take(pa.array(np.argsort(codes, kind="stable")))


def _cut(block: pa.Table, rows: int) -> Iterator[pa.Table]:
    """The block in pieces of whole devices, each at most `rows` long unless one device is longer."""
    codes = np.unique(_names(block).to_numpy(), return_inverse=True)[1]
    starts = np.append(np.flatnonzero(np.diff(codes, prepend=-1)), len(block))
    first = 0
    while first < len(block):
        fits = starts[(starts > first) & (starts <= first + rows)]
        last = int(fits[-1] if len(fits) else starts[starts > first][0])
        yield block.slice(first, last - first)
        first = last
