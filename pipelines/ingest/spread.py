"""Cells of one record that are rows of their own: column position stands for time, device or channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.errors import DataError
from pipelines.ingest.table import Table, matches
from pipelines.params import Spread


@dataclass(frozen=True)
class Wide:
    """Records spread over `width` rows each. cells: field -> (records x width,) its cells, record by record."""

    names: list[str]  # of the columns, in the first table that is spread
    cells: dict[str, pa.Array]

    @property
    def width(self) -> int:
        return len(self.names)


def spread(table: Table, spreads: dict[str, Spread], path: str) -> Wide | None:
    """The cells that become rows. spreads: prefix of the columns' names ("" or "ts1.") -> how.

    Raises DataError where a table has none of the columns, or another number of them than the first.
    """
    names: list[str] = []
    cells: dict[str, pa.Array] = {}
    for prefix, how in spreads.items():
        own = [n for n in table.columns if n.startswith(prefix) and matches(n.removeprefix(prefix), how.columns)]
        if not own:
            raise DataError(f"{path}: no column is one of {', '.join(how.columns)[:200]}, which `spread` names")
        if names and len(own) != len(names):
            raise DataError(f"{path}: {len(own)} cells a record are spread as {how.field!r}, but {len(names)} before")
        names = names or [name.removeprefix(prefix) for name in own]
        flat = pa.concat_arrays([table.columns[name] for name in own])
        order = np.arange(len(own))[None, :] * len(table) + np.arange(len(table))[:, None]
        cells[how.field] = flat.take(pa.array(order.ravel()))
    return Wide(names, cells) if names else None
