"""Paired bootstrap by device: rows of one device are no independent evidence, so devices are drawn, whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


def row_loss(objective: str, target: NDArray[np.float32], score: NDArray[np.float32]) -> Real:
    """The task's own loss of each row (n,): log loss of a probability, squared error of a number."""
    truth, said = target.astype(np.float64), score.astype(np.float64)
    if objective == "binary":
        said = np.clip(said, 1e-6, 1 - 1e-6)
        return -(truth * np.log(said) + (1 - truth) * np.log1p(-said))
    return (said - truth) ** 2


def resampled_means(loss: Real, device: NDArray[np.integer], resamples: int, seed: int) -> Real:
    """(resamples, m) mean losses over devices drawn with replacement; the same draws for each of the m models.

    loss: (n, m). device: (n,) codes.
    """
    codes, place = np.unique(device, return_inverse=True)
    sums = np.stack([np.bincount(place, loss[:, j], len(codes)) for j in range(loss.shape[1])], axis=1)
    counts = np.bincount(place, minlength=len(codes)).astype(np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(codes), (resamples, len(codes)))
    weights = np.stack([np.bincount(d, minlength=len(codes)) for d in drawn]).astype(np.float64)
    means: Real = (weights @ sums) / (weights @ counts)[:, None]
    return means


def interval_95(values: Real) -> tuple[float, float]:
    """The middle 95 % of resampled values."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
