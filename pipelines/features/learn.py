"""Norms of a fleet's signals, learnt on train rows alone: regimes, and the mean and spread of each signal in each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.signals import RawSignals, Signals, regime_of, settings_of
from fleetloop_edge.spec import FeatureSpec, Norms, Regimes
from pipelines.errors import DataError
from pipelines.features.clusters import find_centres
from pipelines.features.compute import own_baseline

Float = NDArray[np.float64]

ENOUGH_ROWS = 30
"""A regime with fewer train rows has no statistics of its own; its rows go to the nearest that has."""
REGIMES_MAX = 64
SPREAD_LEAST = 0.05
"""A signal's deviation in a regime is at least this share of its pooled deviation, or few rows blow it up."""
CONSTANT = 1e-6
"""A deviation below this share of the mean's size is rounding: the signal is constant and stays unscaled."""


def learn_norms(grid: pd.DataFrame, train: NDArray[np.bool_], spec: FeatureSpec) -> FeatureSpec:
    """The spec with its norms, from the rows of `grid` that `train` (n,) marks; no other row is looked at.

    A spec without `normalise` is given back as it is.
    Raises DataError where the train rows do not tell the regimes apart.
    """
    if spec.normalise is None:
        return spec
    rows = grid[train]
    values = rows[list(spec.channels)].to_numpy(dtype=np.float32)
    regimes = spec.normalise.regimes
    settings = values[:, settings_of(spec, regimes)]
    centres, widths = _centres(settings, regimes)
    raw = RawSignals(spec).apply(values).astype(np.float64)
    norms = _statistics(raw, settings, centres, widths)
    learnt = dataclasses.replace(spec, norms=norms)
    if spec.normalise.device:
        learnt = dataclasses.replace(spec, norms=dataclasses.replace(norms, device_sd=_device_sd(rows, values, learnt)))
    return learnt


def _centres(settings: NDArray[np.float32], regimes: Regimes | None) -> tuple[Float, Float]:
    """(R, K) centres of the regimes and (K,) widths of the settings."""
    if regimes is None:
        return np.zeros((1, 0)), np.empty(0)
    known = settings[np.isfinite(settings).all(axis=1)].astype(np.float64)
    if len(known) == 0:
        raise DataError(f"no train row has a value in all of the setting channels {', '.join(regimes.channels)}")
    if regimes.round:
        steps = np.array(regimes.round, dtype=np.float64)
        return np.unique(np.round(known / steps) + 0.0, axis=0) * steps, steps
    spread = known.std(axis=0)
    widths = np.where(spread > CONSTANT * np.maximum(np.abs(known.mean(axis=0)), 1.0), spread, 1.0)
    if regimes.levels:
        return np.array(regimes.levels, dtype=np.float64), widths
    return find_centres(known / widths, regimes.clusters) * widths, widths


def _statistics(raw: Float, settings: NDArray[np.float32], centres: Float, widths: Float) -> Norms:
    """Mean and deviation of signals (n, S) in each regime that enough rows belong to."""
    certain = np.isfinite(settings).all(axis=1)  # a row with a missing setting has a regime, but teaches none
    settings, raw = settings[certain], raw[certain]
    rows = np.bincount(regime_of(settings, centres, widths), minlength=len(centres))
    kept = rows >= min(ENOUGH_ROWS, rows.max())
    if kept.sum() > REGIMES_MAX:
        raise DataError(
            f"the train rows fall into {int(kept.sum())} regimes, more than {REGIMES_MAX}; "
            "round coarser in features.normalise.regimes.round, or state clusters"
        )
    centres = centres[kept]
    regime = regime_of(settings, centres, widths)
    shape = (len(centres), raw.shape[1])
    mean, sd, count = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for r in range(len(centres)):
        part = raw[regime == r]
        known = np.isfinite(part)
        count[r] = known.sum(axis=0)
        mean[r] = np.where(known, part, 0.0).sum(axis=0) / np.maximum(count[r], 1)
        sd[r] = np.sqrt((np.where(known, part - mean[r], 0.0) ** 2).sum(axis=0) / np.maximum(count[r], 1))
    pooled = np.sqrt((sd**2 * count).sum(axis=0) / np.maximum(count.sum(axis=0), 1))
    sd = np.maximum(sd, SPREAD_LEAST * pooled)
    sd = np.where(sd > CONSTANT * np.abs(mean), sd, 1.0)
    rows = np.bincount(regime, minlength=len(centres))
    return Norms(_rows(centres), tuple(widths.tolist()), _rows(mean), _rows(sd), (), tuple(rows.tolist()))


def _device_sd(rows: pd.DataFrame, values: NDArray[np.float32], spec: FeatureSpec) -> tuple[float, ...]:
    """(S,) root mean square distance of signals from their device's own baseline."""
    scaled = np.ascontiguousarray(Signals(spec).apply(values).T)
    begins = (rows["device"] != rows["device"].shift()) | (rows["generation"] != rows["generation"].shift())
    births = np.append(np.flatnonzero(begins.to_numpy()), len(rows))
    away = (scaled - own_baseline(scaled, births.astype(np.int64), spec)).astype(np.float32)
    known = np.isfinite(away)
    square = np.where(known, away.astype(np.float64), 0.0) ** 2
    sd = np.sqrt(square.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    return tuple(np.where(sd > CONSTANT, sd, 1.0).tolist())


def _rows(table: Float) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())
