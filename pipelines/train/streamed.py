"""Features of a side's devices, computed from the stored grid when asked for: the table is never there whole."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import feature_names, input_columns
from fleetloop_edge.spec import FeatureSpec
from pipelines.errors import StoreError
from pipelines.features import compute, compute_columns

Float = NDArray[np.float32]
Index = NDArray[np.int64]

IN_MEMORY = 2**28
"""Bytes of an array, above which it lies in a file that the system may push out of memory."""


class Streamed:
    """`Source` over the grid on the disk: rows asked for in rising order cost one pass over it.

    blocks: the grid, some whole devices at a time, in the order of `read_grid`; every call begins anew. devices: those
    of the side; only their rows count. rows: how many these are.
    """

    def __init__(
        self, blocks: Callable[[], Iterable[pd.DataFrame]], devices: frozenset[str], rows: int, spec: FeatureSpec
    ) -> None:
        self._blocks, self._devices, self._rows, self._spec = blocks, devices, rows, spec
        self._pass: Iterator[tuple[int, Float]] = iter(())
        self._first, self._values = 0, np.empty((0, 0), dtype=np.float32)  # of the block at hand, (F, n)

    @property
    def features(self) -> Streamed:
        return self

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, at: Index) -> Float:
        """(k, F) features of rows `at` (k,)."""
        order = np.argsort(at, kind="stable")
        rising = at[order]
        found = np.empty((len(at), len(feature_names(self._spec))), dtype=np.float32)
        done = 0
        while done < len(rising):
            self._go_to(int(rising[done]))
            last = int(np.searchsorted(rising, self._first + self._values.shape[1]))
            found[order[done:last]] = self._values[:, rising[done:last] - self._first].T
            done = last
        return found

    @cached_property
    def inputs(self) -> Float:
        """(rows, I) the per-row features that the sequence model sees."""
        spec = dataclasses.replace(self._spec, trailing=(), spectral=(), lags=())  # what needs no window
        columns, first = input_columns(spec), 0
        inputs = room_for(self._rows, len(columns))
        for grid in self._own():
            inputs[first : first + len(grid)] = compute(grid, spec)[:, columns]
            first += len(grid)
        return inputs

    def _go_to(self, row: int) -> None:
        """Have the block at hand that holds a row."""
        if row < self._first or not self._values.size:
            self._pass = self._computed()
            self._first, self._values = next(self._pass)
        while row >= self._first + self._values.shape[1]:
            self._first, self._values = next(self._pass)

    def _computed(self) -> Iterator[tuple[int, Float]]:
        first = 0
        for grid in self._own():
            yield first, compute_columns(grid, self._spec)
            first += len(grid)

    def _own(self) -> Iterator[pd.DataFrame]:
        for grid in self._blocks():
            own = grid["device"].isin(self._devices).to_numpy()
            if own.any():
                yield grid if own.all() else grid[own].reset_index(drop=True)


def room_for(rows: int, width: int) -> Float:
    """An array (rows, width): in memory, or a large one in a file without a name below TMPDIR.

    Raises StoreError where the disk has no room for it.
    """
    size = rows * width * 4
    if size <= IN_MEMORY:
        return np.empty((rows, width), dtype=np.float32)
    with tempfile.TemporaryFile() as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise StoreError(
                f"{tempfile.gettempdir()} has no room for {size / 1e9:.1f} GB of sequence inputs ({error.strerror}); "
                f"free some, or name a larger disk in TMPDIR"
            ) from None
        return np.asarray(np.memmap(file, dtype=np.float32, mode="r+", shape=(rows, width)))
