"""Windows of one array of rows, copied into a buffer by the rows they end with: nothing else is ever materialised."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float32]
Index = NDArray[np.int64]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gather(rows: Float, end: Index, start: Index, pad_first: bool, out: Float) -> None:
    """out (k, steps, I): rows (n, I) that end with each of end (k,) and reach no further back than start (k,).

    A place before the start holds the row `start`, or zeros. rows lie one after another in memory.
    """
    steps, width = out.shape[1], out.shape[2]
    source, target = rows.reshape(-1), out.reshape(-1)
    for k in range(len(end)):
        first = end[k] - steps + 1
        short = max(start[k] - first, 0)
        read, write = np.uint64((first + short) * width), np.uint64((k * steps + short) * width)
        for i in range(np.uint64((steps - short) * width)):  # without a sign: else each place is checked for one
            target[write + i] = source[read + i]
        for step in range(short):
            for i in range(width):
                out[k, step, i] = rows[start[k], i] if pad_first else np.float32(0.0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gather_targets(target: Float, end: Index, start: Index, out: Float) -> None:
    """out (k, steps): targets (n,) of the rows that end with each of end (k,); NaN before start (k,)."""
    steps = out.shape[1]
    for k in range(len(end)):
        for step in range(steps):
            row = end[k] - steps + 1 + step
            out[k, step] = target[row] if row >= start[k] else np.float32(np.nan)
