"""How well one column alone tells the answer, by ranks: no scale, no shape, only the order counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def strongest(table: NDArray[np.float32], life: Float, target: NDArray[np.float32]) -> tuple[int, float]:
    """The feature, of table (n, F), that alone tells the answer best, and how well (0 … 1).

    Judged by |rank correlation| with the life left (n,), inf = unknown; and where target is 0 or 1, by AUC both ways.
    Features known in fewer than a tenth of the rows are left out.
    """
    binary = set(np.unique(target[np.isfinite(target)])) <= {0.0, 1.0}
    found = np.zeros(table.shape[1])
    for column in range(table.shape[1]):
        x = table[:, column]
        known = np.isfinite(x)
        if known.sum() < max(2, len(x) // 10):
            continue
        lived = known & np.isfinite(life)
        found[column] = abs(rank_correlation(x[lived], life[lived]))
        if binary:
            asked = known & np.isfinite(target)
            found[column] = max(found[column], abs(auc(x[asked], target[asked]) - 0.5) + 0.5)
    return _best(found)


def most_determining(table: NDArray[np.float32], target: NDArray[np.float32], seed: int) -> tuple[int, float]:
    """The channel, of table (n, C), of which the target is most nearly a function, and how nearly (1: it is one)."""
    found = np.zeros(table.shape[1])
    for column in range(table.shape[1]):
        known = np.isfinite(table[:, column]) & np.isfinite(target)
        if known.sum() >= max(2, len(target) // 10):
            found[column] = determined(table[known, column], target[known], seed)
    return _best(found)


def determined(x: NDArray[np.floating], y: NDArray[np.floating], seed: int) -> float:
    """Chatterjee's xi: 0 where y does not depend on x, 1 where it is any function of x. Equal x in drawn order.

    Source: S. Chatterjee, A New Coefficient of Correlation, JASA 116, 2021.
    """
    n = len(x)
    drawn = np.random.default_rng(seed).permutation(n)
    y = y[drawn][np.argsort(x[drawn], kind="stable")]
    order = np.sort(y)
    below = np.searchsorted(order, y, side="right").astype(np.float64)
    above = n - np.searchsorted(order, y, side="left").astype(np.float64)
    spread = 2 * float(above @ (n - above))
    return 1 - n * float(np.abs(np.diff(below)).sum()) / spread if spread > 0 else 0.0


def _best(found: Float) -> tuple[int, float]:
    best = int(np.argmax(found.round(3)))  # of those as good as equal the first: the plainest
    return best, float(found[best])


def rank_correlation(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Spearman's; 0 where either does not move."""
    a, b = ranks(x), ranks(y)
    if a.size < 2:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else 0.0


def auc(x: NDArray[np.floating], positive: NDArray[np.floating]) -> float:
    """Chance that a positive row has the larger x, ties counting half; 0.5 where one class is absent."""
    hits = positive > 0.5
    yes, no = int(hits.sum()), int((~hits).sum())
    if yes == 0 or no == 0:
        return 0.5
    return float((ranks(x)[hits].sum() - yes * (yes + 1) / 2) / (yes * no))


def ranks(x: NDArray[np.floating]) -> Float:
    """Ranks from 1, equal values sharing their mean rank."""
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: Float = (last - (count - 1) / 2)[place]
    return shared
