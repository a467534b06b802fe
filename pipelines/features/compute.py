"""Grid to features: the batch form of `fleetloop_edge.features`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fleetloop_edge.cycles import on_circle
from fleetloop_edge.layout import Block, blocks
from fleetloop_edge.shape import spectrum
from fleetloop_edge.signals import RawSignals, Signals
from fleetloop_edge.spec import FeatureSpec
from pipelines.features.grid import whole_microseconds

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

CHUNK = 65_536
"""Rows that are normalised at once."""
SPECTRA = 4096
"""Windows whose spectra are taken at once."""


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
    device = _changes(grid["device"])
    births = _starts(device | _changes(grid["generation"]))
    made = _Made(
        grid=grid,
        spec=spec,
        births=births,
        segments=_starts(device | _changes(grid["segment"])),
        values=signals(grid, spec, births),
        out=out,
    )
    for block in columns:
        if block.kind in _BLOCKS:
            _BLOCKS[block.kind](made, block)
    _core(made, [block for block in columns if block.kind == "core"])
    return out


@dataclass(frozen=True)
class _Made:
    """What features are computed from, and where to: values (S, n), out (F, n); births, segments: where each begins."""

    grid: pd.DataFrame
    spec: FeatureSpec
    births: Int
    segments: Int
    values: Float32
    out: Float32

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """(S, n) which signals were measured."""
        cells = np.stack([self.grid[f"{name}.measured"].to_numpy(dtype=np.bool_) for name in self.spec.channels])
        return np.ascontiguousarray(RawSignals(self.spec).measured(cells.T).T)

    @cached_property
    def baseline(self) -> Float64:
        """(S, n) each device's own."""
        return own_baseline(self.values, self.births, self.spec)


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
        away = values - own_baseline(values, births, spec)
        values[:] = away / np.array(spec.norms.device_sd)[:, None]
    return values


def own_baseline(values: Float32, births: Int, spec: FeatureSpec) -> Float64:
    """(S, n) of signals (S, n): the mean of each device's first values so far, `spec.baseline_rows` at most.

    births: (devices + 1,) each device's first row, and n.
    """
    from pipelines.features import feature_kernels as kernels  # numba: only where it computes

    baseline = np.empty(values.shape)
    kernels.own_baseline(values, births, spec.baseline_rows, baseline)
    return baseline


def _value(made: _Made, block: Block) -> None:
    made.out[block.columns] = made.values


def _deviation(made: _Made, block: Block) -> None:
    made.out[block.columns] = made.values - made.baseline


def _missing(made: _Made, block: Block) -> None:
    made.out[block.columns] = ~made.measured


def _from_grid(made: _Made, block: Block) -> None:
    made.out[block.columns] = made.grid[block.names[0]].to_numpy()


def _ewma(made: _Made, block: Block) -> None:
    from pipelines.features import feature_kernels as kernels  # numba: only where it computes

    first, weight = np.array([block.first], dtype=np.int64), np.array([block.number])
    kernels.ewma(made.values, made.segments, weight, first, made.out)


def _shape(made: _Made, block: Block) -> None:
    from pipelines.features import shape_kernels as kernels  # numba: only where it computes

    which, out = np.array(block.signals, dtype=np.int64), made.out[block.columns]
    if block.what == "missing":
        kernels.missing(made.measured, made.segments, block.rows, which, out)
    elif block.what in kernels.SHAPES:
        stat = kernels.SHAPES.index(block.what)
        kernels.shapes(made.values, made.segments, block.rows, stat, which, out)
    else:
        kernels.quantiles(made.values, made.segments, block.rows, int(block.what[1:]) / 100, which, out)


def _lag(made: _Made, block: Block) -> None:
    from pipelines.features import shape_kernels as kernels  # numba: only where it computes

    which = np.array(block.signals, dtype=np.int64)
    kernels.lags(made.values, made.segments, block.rows, which, made.out[block.columns])


def _spectral(made: _Made, block: Block) -> None:
    out = made.out[block.columns]
    out.fill(np.nan)
    for begin, end in pairwise(made.segments):
        for first in range(begin, end - block.rows + 1, SPECTRA):
            last = min(first + SPECTRA + block.rows - 1, end)
            for i, signal in enumerate(block.signals):
                rows = sliding_window_view(made.values[signal, first:last], block.rows).astype(np.float64)
                out[i, first + block.rows - 1 : last] = spectrum(rows, block)


def _calendar(made: _Made, block: Block) -> None:
    made.out[block.columns] = on_circle(whole_microseconds(made.grid["time"]) / 1e6, block.what)


_BLOCKS: dict[str, Callable[[_Made, Block], None]] = {
    "value": _value,
    "deviation": _deviation,
    "missing": _missing,
    "age": _from_grid,
    "since": _from_grid,
    "ewma": _ewma,
    "shape": _shape,
    "lag": _lag,
    "spectral": _spectral,
    "calendar": _calendar,
}


def _core(made: _Made, wanted: list[Block]) -> None:
    if not wanted:
        return
    from pipelines.features import trailing_kernels as kernels  # numba: only where it computes

    lengths = sorted({block.rows for block in wanted})
    rows = np.full((len(made.values), len(lengths), len(kernels.STATS)), -1, dtype=np.int64)
    for block in wanted:
        place = np.arange(block.columns.start, block.columns.stop)
        rows[list(block.signals), lengths.index(block.rows), kernels.STATS.index(block.what)] = place
    own = made.baseline if any(block.what == "deviation" for block in wanted) else np.empty((0, 0))
    kernels.trailing(made.values, own, made.segments, np.array(lengths, dtype=np.int64), rows, made.out)


def _changes(column: pd.Series) -> NDArray[np.bool_]:
    """(n,) rows whose value is not that of the row before; the first row is one."""
    codes, _ = pd.factorize(column)
    changed = np.ones(len(codes), dtype=np.bool_)
    changed[1:] = codes[1:] != codes[:-1]
    return changed


def _starts(changed: NDArray[np.bool_]) -> Int:
    return np.append(np.flatnonzero(changed), len(changed)).astype(np.int64)
