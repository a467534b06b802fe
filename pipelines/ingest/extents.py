"""How a run lies in its file or in memory: its columns one after another, each sorted by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Extent:
    """Rows start..stop of a run of `rows` rows: those of one part. run: its file, or its bytes."""

    run: Path | Bytes
    rows: int
    start: int
    stop: int


def row_bytes(kinds: Mapping[str, Any]) -> int:
    """Bytes of a row. kinds: its columns, with their types."""
    return sum(np.dtype(kind).itemsize for kind in kinds.values())


def views(run: Bytes, rows: int, kinds: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """A run's columns."""
    found, offset = {}, 0
    for name, kind in kinds.items():
        size = rows * np.dtype(kind).itemsize
        found[name] = run[offset : offset + size].view(kind)
        offset += size
    return found


def read_extent(extent: Extent, columns: Mapping[str, Any], into: Mapping[str, NDArray[Any]], at: int) -> None:
    """Read a part's rows of one run into arrays, from row `at`. columns: all of the run, in order, with their types."""
    offset, count = 0, extent.stop - extent.start
    if not isinstance(extent.run, Path):
        for name, column in views(extent.run, extent.rows, columns).items():
            into[name][at : at + count] = column[extent.start : extent.stop]
        return
    with extent.run.open("rb", buffering=0) as file:
        for name, kind in columns.items():
            size = np.dtype(kind).itemsize
            file.seek(offset + extent.start * size)
            file.readinto(memoryview(into[name][at : at + count]).cast("B"))  # type: ignore[arg-type]
            offset += extent.rows * size
