"""Groups of points by k-means, seeded: the same points give the same centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SAMPLE = 20_000
"""Points that centres are sought in, taken evenly."""
STARTS = 8
STEPS = 100


def find_centres(points: Float, count: int) -> Float:
    """(count, K) centres of points (n, K), in lexical order; fewer where there are fewer different points.

    The best of several starts by k-means++. Source: Arthur and Vassilvitskii, SODA 2007.
    """
    sample = points[np.unique(np.linspace(0, len(points) - 1, min(len(points), SAMPLE)).astype(np.int64))]
    count = min(count, len(np.unique(sample, axis=0)))
    found = [_settled(sample, _start(sample, count, np.random.default_rng(seed))) for seed in range(STARTS)]
    best: Float = min(found, key=lambda centres: float(_squares(sample, centres).min(axis=1).sum()))
    return best[np.lexsort(best.T[::-1])]


def _start(points: Float, count: int, rng: np.random.Generator) -> Float:
    """Points drawn by their squared distance from those drawn before."""
    centres: Float = points[rng.integers(len(points))][None]
    while len(centres) < count:
        away = _squares(points, centres).min(axis=1)
        centres = np.concatenate([centres, points[rng.choice(len(points), p=away / away.sum())][None]])
    return centres


def _settled(points: Float, centres: Float) -> Float:
    """Lloyd's steps until no point changes its centre."""
    nearest = np.full(len(points), -1)
    for _ in range(STEPS):
        now = _squares(points, centres).argmin(axis=1)
        if np.array_equal(now, nearest):
            break
        nearest = now
        size = np.bincount(nearest, minlength=len(centres))[:, None]
        sums = np.stack([np.bincount(nearest, points[:, k], len(centres)) for k in range(points.shape[1])], axis=1)
        centres = np.where(size > 0, sums / np.maximum(size, 1), centres)
    return centres


def _squares(points: Float, centres: Float) -> Float:
    """(n, count) squared distances."""
    squares: Float = ((points[:, None] - centres) ** 2).sum(axis=2)
    return squares
