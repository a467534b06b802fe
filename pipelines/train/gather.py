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
    for k in range(len(end)):
        first = end[k] - steps + 1
        short = max(start[k] - first, 0)
        window = out[k]
        source, target = rows[first + short : end[k] + 1].reshape(-1), window[short:].reshape(-1)
        for i in range(len(target)):
            target[i] = source[i]
        for step in range(short):
            for i in range(width):
                window[step, i] = rows[start[k], i] if pad_first else np.float32(0.0)
