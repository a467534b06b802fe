"""LightGBM's own table of rows, filled block by block: the features are never there whole. Imports lightgbm."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from pipelines.train.windows import Windows


class Rows(lightgbm.Sequence):  # type: ignore[misc]
    """Some features of some windows, as LightGBM asks for them: one row at a time in rising order, then in batches."""

    batch_size = 16_384

    def __init__(self, windows: Windows, columns: NDArray[np.integer]) -> None:
        self._windows, self._columns = windows, columns
        self._first, self._held = 0, np.empty((0, len(columns)))

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, at: Any) -> NDArray[np.float64]:
        if isinstance(at, slice):
            return self._read(at)
        if not self._first <= at < self._first + len(self._held):
            self._first = int(at) // self.batch_size * self.batch_size
            self._held = self._read(slice(self._first, self._first + self.batch_size))
        row: NDArray[np.float64] = self._held[at - self._first]
        return row

    def _read(self, part: slice) -> NDArray[np.float64]:
        table = self._windows.features[self._windows.end[part]]
        return table[:, self._columns].astype(np.float64)


def dataset(windows: Windows, columns: NDArray[np.integer], reference: Any = None) -> lightgbm.Dataset:
    """Windows with known targets as LightGBM holds them, a byte or two a value; reference: whose bins to take."""
    names = [f"f{i}" for i in columns]  # LightGBM forbids some characters in names
    return lightgbm.Dataset(Rows(windows, columns), windows.target, feature_name=names, reference=reference)
