"""What cheating would gain: the same model judged on rows drawn at random, and on devices or times held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.split.placed import NO_FOLD
from pipelines.split.probes import Sample

ENOUGH = 200
"""Rows with a known target, below which a difference says nothing."""
TREES, LEAVES = 60, 15
THREADS = 1
"""So small a model gains nothing by more, and where the cores are busy it waits for them."""
NOTHING_TO_HOLD_OUT = "train has no two devices, or stretches of time an embargo apart, to hold out in turn"


@dataclass(frozen=True)
class Gain:
    """measure: "rmse" or "log_loss", lower is better. random_rows less honest is what a random split would flatter.

    None where it was not measured; the sentence says why.
    """

    measure: str
    honest: float | None
    random_rows: float | None
    difference: float | None
    rows: int
    sentence: str


def gain_of_cheating(sample: Sample, binary: bool, seed: int) -> Gain:
    """Both scores over the same rows of train, each row answered by a model that did not learn from it."""
    used = np.isfinite(sample.target) & (sample.fold != NO_FOLD)
    table, target, fold = sample.table[used], sample.target[used].astype(np.float64), sample.fold[used]
    measure = "log_loss" if binary else "rmse"
    why = _too_little(target, fold) if (sample.fold != NO_FOLD).any() else NOTHING_TO_HOLD_OUT
    if why:
        return Gain(measure, None, None, None, len(target), f"not measured: {why}")
    drawn = np.random.default_rng(seed).permutation(fold)  # folds of the same sizes
    honest, cheated = (_score(table, target, by, binary, seed) for by in (fold, drawn))
    return Gain(
        measure, round(honest, 6), round(cheated, 6), round(cheated - honest, 6), len(target), _said(honest, cheated)
    )


def _too_little(target: NDArray[np.float64], fold: NDArray[np.int8]) -> str | None:
    if len(target) < ENOUGH:
        return f"{len(target)} train rows with a known target are fewer than {ENOUGH}"
    if len(np.unique(fold)) < 2:
        return NOTHING_TO_HOLD_OUT
    if any(len(np.unique(target[fold != held])) < 2 for held in np.unique(fold)):
        return "without one of the folds the target does not move"
    return None


def _score(
    table: NDArray[np.float32], target: NDArray[np.float64], fold: NDArray[np.int8], binary: bool, seed: int
) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    kind = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    said = np.empty(len(target))
    for held in np.unique(fold):
        rest = fold != held
        model = kind(max_iter=TREES, max_leaf_nodes=LEAVES, early_stopping=False, random_state=seed)
        with threadpool_limits(THREADS):
            model.fit(table[rest], target[rest])
        said[~rest] = model.predict_proba(table[~rest])[:, 1] if binary else model.predict(table[~rest])
    if not binary:
        return float(np.sqrt(np.mean((said - target) ** 2)))
    said = np.clip(said, 1e-6, 1 - 1e-6)
    return float(-np.mean(target * np.log(said) + (1 - target) * np.log1p(-said)))


def _said(honest: float, cheated: float) -> str:
    if cheated >= honest:
        return "a random split of rows would flatter nothing here"
    return (
        f"a random split of rows would tell {cheated:.3g} where what was held out gives {honest:.3g}: "
        f"{1 - cheated / honest:.0%} less than the truth"
    )
