"""min, max and range over history, compiled: what `fleetloop_edge.trailing` gives of the same windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.features.compiled import MAX, MIN, RANGE, compiled

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]


@compiled  # type: ignore[untyped-decorator]
def extremes(values: Float32, begin: int, lengths: Int, rows: Int, scratch: Float32, out: Float32) -> None:
    """min, max and range: the least of 2, 4, 8 … rows, and of two of these that cover a window."""
    if rows[:, MIN : RANGE + 1].max() < 0:
        return
    n = len(values)
    low, high, spare, other = scratch[0, :n], scratch[1, :n], scratch[2, :n], scratch[3, :n]
    for i in range(n):
        low[i] = values[i] if values[i] == values[i] else np.float32(np.inf)
    for i in range(n):
        high[i] = -values[i] if values[i] == values[i] else np.float32(np.inf)
    span = 1
    for w in range(len(lengths)):
        while 2 * span <= lengths[w]:
            least(low, span, spare)
            low, spare = spare, low
            least(high, span, spare)
            high, spare = spare, high
            span *= 2
        least(low, lengths[w] - span, spare)
        least(high, lengths[w] - span, other)
        write_extremes(spare[begin:], other[begin:], rows[w], out)


@compiled  # type: ignore[untyped-decorator]
def least(source: Float32, back: int, found: Float32) -> None:
    """The smaller of each row and the one `back` rows before."""
    short = min(back, len(found))
    for i in range(short):
        found[i] = source[i]
    newer, found = source[short:], found[short:]
    for i in range(len(found)):
        a, b = newer[i], source[i]
        found[i] = a if a < b else b


@compiled  # type: ignore[untyped-decorator]
def write_extremes(low: Float32, high: Float32, rows: Int, out: Float32) -> None:
    """high: of the negated values; infinite: no value is known."""
    nothing = np.float32(np.inf)
    if rows[MIN] >= 0:
        into = out[rows[MIN]]
        for i in range(len(into)):
            into[i] = low[i] if low[i] < nothing else np.float32(np.nan)
    if rows[MAX] >= 0:
        into = out[rows[MAX]]
        for i in range(len(into)):
            into[i] = -high[i] if high[i] < nothing else np.float32(np.nan)
    if rows[RANGE] >= 0:
        into = out[rows[RANGE]]
        for i in range(len(into)):
            into[i] = -high[i] - low[i] if low[i] < nothing else np.float32(np.nan)
