"""Grid to features: the batch form of `fleetloop_edge.features`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import Block, blocks
from fleetloop_edge.grid import microseconds
from fleetloop_edge.signals import RawSignals, Signals
from fleetloop_edge.spec import FeatureSpec
from fleetloop_edge.trailing import statistics, windows
from pipelines.features.grid import whole_microseconds

Float32 = NDArray[np.float32]
Int = NDArray[np.int64]

CHUNK = 65_536
"""Rows that are normalised at once."""


def compute(grid: pd.DataFrame, spec: FeatureSpec) -> Float32:
    """(n, F) features of a grid's rows, in the order of `feature_names`: what FeatureState gives, to the bit.

    grid: as `build_grid` gives it; whole devices, each from its first row (age and own baseline begin there) and
    sorted by time. A grid cut short at its end gives the same rows. In memory each feature's rows lie side by side.
    """
    return compute_columns(grid, spec).T


def compute_columns(grid: pd.DataFrame, spec: FeatureSpec, out: Float32 | None = None) -> Float32:
    """(F, n) features of a grid's rows, as `compute`; out: (F, at least n) where they may be written."""
    columns = blocks(spec)
    if out is None:
        out = np.empty((columns[-1].columns.stop, len(grid)), dtype=np.float32)
    out = out[:, : len(grid)]
    births = _starts(_changes(grid["device"]))
    segments = _starts(_changes(grid["device"]) | _changes(grid["segment"]))
    values = signals(grid, spec, births)
    for block in columns:
        if block.kind in ("value", "deviation"):  # the baseline is taken off last
            out[block.columns] = values
        elif block.kind == "missing":
            measured = np.stack([grid[f"{name}.measured"].to_numpy(dtype=np.bool_) for name in spec.channels])
            out[block.columns] = ~RawSignals(spec).measured(measured.T).T
        elif block.kind == "age":
            out[block.columns] = _age(grid, births, spec)
    _windowed(values, births, segments, spec, columns, out)
    return out


def signals(grid: pd.DataFrame, spec: FeatureSpec, births: Int) -> Float32:
    """(S, n) what the features are made of; births: (devices + 1,) each device's first row, and n."""
    channels = np.stack([grid[name].to_numpy(dtype=np.float32) for name in spec.channels])
    made = Signals(spec)
    if made.plain:
        return channels
    values = np.empty((len(spec.signals), len(grid)), dtype=np.float32)
    for first in range(0, len(grid), CHUNK):
        values[:, first : first + CHUNK] = made.apply(channels[:, first : first + CHUNK].T).T
    if spec.norms is not None and spec.norms.device_sd:
        from pipelines.features import feature_kernels as kernels  # numba: only where it computes

        own = np.array([0], dtype=np.int64)
        unit = np.array(spec.norms.device_sd, dtype=np.float64)
        kernels.less_baseline(values.copy(), births, spec.baseline_rows, own, unit, values)
    return values


def _windowed(
    values: Float32, births: Int, segments: Int, spec: FeatureSpec, columns: tuple[Block, ...], out: Float32
) -> None:
    from pipelines.features import feature_kernels, trailing_kernels  # numba: only where it computes

    first = {
        kind: [block.first for block in columns if block.kind == kind] for kind in ("deviation", "ewma", "trailing")
    }
    if spec.ewma:
        weights = np.array(spec.ewma, dtype=np.float64)
        feature_kernels.ewma(values, segments, weights, np.array(first["ewma"], dtype=np.int64), out)
    lengths = windows(spec)
    if lengths:
        wanted = np.full((len(lengths), len(trailing_kernels.STATS)), -1, dtype=np.int64)
        for (rows, stat), column in zip(statistics(spec), first["trailing"], strict=True):
            wanted[lengths.index(rows), trailing_kernels.STATS.index(stat)] = column
        trailing_kernels.trailing(values, segments, np.array(lengths, dtype=np.int64), wanted, out)
    trailing = zip(statistics(spec), first["trailing"], strict=True)
    own = first["deviation"] + [column for (_, stat), column in trailing if stat == "deviation"]
    if own:
        unit = np.ones(len(values))
        feature_kernels.less_baseline(values, births, spec.baseline_rows, np.array(own, dtype=np.int64), unit, out)


def _changes(column: pd.Series) -> NDArray[np.bool_]:
    """(n,) rows whose value is not that of the row before; the first row is one."""
    codes, _ = pd.factorize(column)
    changed = np.ones(len(codes), dtype=np.bool_)
    changed[1:] = codes[1:] != codes[:-1]
    return changed


def _starts(changed: NDArray[np.bool_]) -> Int:
    return np.append(np.flatnonzero(changed), len(changed)).astype(np.int64)


def _age(grid: pd.DataFrame, births: Int, spec: FeatureSpec) -> Int:
    """(n,) periods since each device's first row, that one being 1."""
    slot = whole_microseconds(grid["time"]) // microseconds(spec.period_s)
    return slot - np.repeat(slot[births[:-1]], np.diff(births)) + 1
