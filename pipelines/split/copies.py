"""The same history on two sides: one device under two names, or a recording that was played twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.params import SplitSpec
from pipelines.split.check import Check, few, unjudged
from pipelines.split.sides import SIDES

STRETCHES = (5, 10, 20, 50, 100)
"""Rows in a row that must be equal before two histories count as one: single rows of coarse sensors often are."""
CHANCE_MAX = 0.01
"""Share of stretches that come again on one side of one device, above which a longer stretch is asked for."""
Hashes = NDArray[np.uint64]


def duplicate_rows(grid: pd.DataFrame, targets: pd.DataFrame, channels: tuple[str, ...], spec: SplitSpec) -> Check:
    """No history stands on another side under another name or at another time: stretches of equal values tell."""
    limit, refuses = spec.duplicate_share_max, "duplicate_rows" not in spec.accept
    side = pd.Categorical(targets["side"], categories=list(SIDES)).codes
    device = pd.factorize(grid["device"])[0]
    for rows in STRETCHES:
        stretch, counted = stretches(grid, channels, rows)
        counted &= side >= 0
        if _again(stretch[counted], device[counted] * len(SIDES) + side[counted]) <= CHANCE_MAX:
            break
    else:
        why = f"even {STRETCHES[-1]} rows in a row come again within one device; its values are too coarse to tell"
        return unjudged("duplicate_rows", limit, why, refuses=refuses)
    worst = _shares(stretch[counted], side[counted], grid["device"].to_numpy()[counted])
    value = float(worst.iloc[0]) if len(worst) else 0.0
    sentence = f"at most {value:.1%} of a device's rows stand on another side too"
    if value > limit:
        copies = worst[worst > limit].index.tolist()
        sentence = (
            f"{value:.1%} of the rows of {few(copies)} stand on another side too ({rows} rows in a row alike): one "
            f"device under two names, or one recording twice?"
        )
    return Check("duplicate_rows", round(value, 6), limit, value <= limit, sentence, refuses)


def _again(stretch: Hashes, group: NDArray[np.integer]) -> float:
    """Share of stretches that come more than once within their own group: what chance or repetition gives."""
    if not len(stretch):
        return 0.0
    counts = pd.Series(stretch).groupby([group, stretch]).transform("size")
    return float((counts > 1).mean())


def _shares(stretch: Hashes, side: NDArray[np.integer], device: NDArray[np.object_]) -> pd.Series[float]:
    """device -> share of its stretches that stand on another side too, the largest first."""
    _, code = np.unique(stretch, return_inverse=True)
    seen = np.zeros(code.max(initial=-1) + 1, dtype=np.int64)
    np.bitwise_or.at(seen, code, 1 << side.astype(np.int64))
    shared = pd.Series((seen & (seen - 1) != 0)[code])
    return shared.groupby(device).mean().sort_values(ascending=False, kind="stable")


def stretches(grid: pd.DataFrame, channels: tuple[str, ...], rows: int) -> tuple[Hashes, NDArray[np.bool_]]:
    """(n,) hash of each row with the rows - 1 before it, and whether that is one stretch in which values move."""
    bits = np.ascontiguousarray(grid[list(channels)].to_numpy(dtype=np.float32)).view(np.uint32).astype(np.uint64)
    row = np.zeros(len(grid), dtype=np.uint64)
    for c in range(bits.shape[1]):
        row = _mixed(row ^ bits[:, c])
    stretch, moves = row.copy(), np.zeros(len(grid), dtype=np.bool_)
    for back in range(1, rows):
        earlier = np.roll(row, back)
        stretch = _mixed(stretch ^ earlier)
        moves |= earlier != row
    return stretch, moves & (grid["run"].to_numpy() >= rows)


def _mixed(x: Hashes) -> Hashes:
    """splitmix64: every bit of x moves every bit of the answer. Source: Steele et al., OOPSLA 2014."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
