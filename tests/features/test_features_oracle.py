"""Every kind of feature against a slow float64 oracle that is written from the catalogue's words alone."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from fleetloop_edge.features import feature_names
from fleetloop_edge.layout import blocks
from pipelines.features import build_grid, compute
from pipelines.features.compute import _BLOCKS
from tests.builders.telemetry import (
    CHANNELS,
    EVERYTHING,
    Dirt,
    device_rows,
    event_table,
    happenings,
    nothing_rejected,
    table,
)

Float = NDArray[np.float64]
DIRT = Dirt(lost=0.1, missing=0.1, delayed=0.2, twice=0.1, outages=4)


def grid_of(seed: int, count: int = 70) -> pd.DataFrame:
    """Two devices: a channel around 1e4 with sd .01 that drifts, one around 0; gaps, resets, late rows."""
    devices = {f"d{i}": device_rows(f"d{i}", count, seed + i, DIRT) for i in range(2)}
    events = event_table({name: happenings(seed + i, count) for i, name in enumerate(devices)})
    return build_grid(
        table(r for rows in devices.values() for r in rows), nothing_rejected(), EVERYTHING, CHANNELS, events
    )


def mean(x: Float) -> float:
    return math.fsum(x) / len(x)


def kurtosis(x: Float) -> float:
    away = x - mean(x)
    square = mean(away**2)
    return mean(away**4) / square**2 if square > 0 else math.nan


STATISTICS: dict[str, Any] = {
    "mean": mean,
    "std": lambda x: math.sqrt(mean((x - mean(x)) ** 2)),
    "min": min,
    "max": max,
    "range": lambda x: max(x) - min(x),
    "rms": lambda x: math.sqrt(mean(x**2)),
    "crest": lambda x: max(abs(x)) / math.sqrt(mean(x**2)),
    "kurtosis": kurtosis,
    "crossings": lambda x: int(np.count_nonzero(np.diff(x - mean(x) >= 0))),
}


def statistic(name: str, rows: Float, measured: NDArray[np.bool_], baseline: float) -> float:
    """Of one window (w,), the newest value last."""
    known = rows[np.isfinite(rows)]
    if name == "missing":
        return float((~measured).sum())
    if not len(known):
        return math.nan
    if name in STATISTICS:
        return float(STATISTICS[name](known))
    if name == "delta":
        return float(rows[-1]) - mean(known)
    if name == "deviation":
        return mean(known) - baseline
    if name == "slope":
        at = np.flatnonzero(np.isfinite(rows)).astype(np.float64)
        at -= mean(at)
        return math.fsum(at * (known - mean(known))) / math.fsum(at**2) if len(known) > 1 else math.nan
    return float(np.quantile(known, int(name[1:]) / 100))


def spectral(what: str, rows: Float, band: tuple[float, ...]) -> float:
    """Of one whole window (w,), by the definition of the transform."""
    w, known = len(rows), np.isfinite(rows)
    if 2 * known.sum() < w:
        return math.nan
    at, half = np.arange(w), w // 2
    taper = np.sin(np.pi * (at + 0.5) / w) ** 2
    away = np.where(known, rows - mean(rows[known]), 0.0) * taper
    power = np.array([abs(sum(away * np.exp(-2j * np.pi * k * at / w))) ** 2 for k in range(half + 1)])
    power *= 2 / (w * sum(taper**2))
    power[0] /= 2
    power[-1] /= 2 if w % 2 == 0 else 1
    frequency = np.arange(half + 1) / w
    if what == "band":
        return float(power[(frequency >= band[0]) & ((frequency < band[1]) | (band[1] == 0.5))].sum())
    weight = power / power.sum()
    apart = frequency - sum(weight * frequency)
    return float(sum(weight * apart**4) / sum(weight * apart**2) ** 2)


class Life:
    """The oracle's walk over one device: each row's features from the rows before it, looked up anew."""

    def __init__(self, grid: pd.DataFrame) -> None:
        self.grid = grid.reset_index(drop=True)
        raw = {c.name: self.grid[c.name].to_numpy(dtype=np.float64) for c in CHANNELS}
        with np.errstate(divide="ignore", invalid="ignore"):
            head = np.where(raw["flow"] == 0, np.nan, raw["pressure"] / raw["flow"])
        self.values = [*raw.values(), head.astype(np.float32).astype(np.float64)]
        there = [self.grid[f"{c.name}.measured"].to_numpy() for c in CHANNELS]
        self.measured = [*there, there[0] & there[1] & np.isfinite(head)]

    @cache  # noqa: B019 (a test's life is short)
    def rows(self, i: int, column: str) -> NDArray[np.int64]:
        """The rows up to i of the same life or segment."""
        same = (self.grid[column] == self.grid[column].iloc[i]).to_numpy()
        found: NDArray[np.int64] = np.flatnonzero(same[: i + 1])
        return found

    @cache  # noqa: B019
    def baseline(self, i: int, s: int) -> float:
        first = self.values[s][self.rows(i, "generation")]
        first = first[np.isfinite(first)][: EVERYTHING.baseline_rows]
        return mean(first) if len(first) else math.nan

    def ewma(self, i: int, s: int, weight: float) -> float:
        m = math.nan
        for x in self.values[s][self.rows(i, "segment")]:
            m = m if math.isnan(x) else x if math.isnan(m) else m + weight * (x - m)
        return m

    def feature(self, block: Any, i: int, s: int) -> float:
        past = self.rows(i, "segment")
        x, kind = self.values[s], block.kind
        if kind in ("value", "deviation"):
            return float(x[i]) - (self.baseline(i, s) if kind == "deviation" else 0.0)
        if kind == "missing":
            return float(not self.measured[s][i])
        if kind == "ewma":
            return self.ewma(i, s, block.number)
        if kind == "lag":
            return float(x[past[-1 - block.rows]]) if len(past) > block.rows else math.nan
        window = past[-block.rows :]
        if kind == "spectral":
            return spectral(block.what, x[window], block.band) if len(window) == block.rows else math.nan
        return statistic(block.what, x[window], self.measured[s][window], self.baseline(i, s))

    def of_device(self, block: Any, i: int) -> list[float]:
        row = self.grid.iloc[i]
        if block.kind == "calendar":
            days = {"day": 1.0, "week": 7.0, "year": 365.2425}[block.what]
            start = pd.Timestamp("1970-01-05" if block.what == "week" else "1970-01-01", tz="UTC")
            turn = 2 * math.pi * ((row["time"] - start).total_seconds() / 86_400 / days)
            return [math.sin(turn), math.cos(turn)]
        return [float(row[block.names[0]])]


def expected(grid: pd.DataFrame) -> Float:
    """(n, F)"""
    found = []
    for _, of in grid.groupby("device", sort=False):
        life = Life(of)
        for i in range(len(of)):
            row: list[float] = []
            for block in blocks(EVERYTHING):
                single = block.kind in ("age", "since", "calendar")
                row += (
                    life.of_device(block, i)
                    if single
                    else [life.feature(block, i, s) for s in block.signals or range(3)]
                )
            found.append(row)
    return np.array(found)


@pytest.mark.parametrize("seed", [0, 101])
def test_every_feature_is_the_oracles(seed: int) -> None:
    grid = grid_of(seed)
    assert grid["segment"].nunique() > 2 and grid["generation"].max() > 0
    got, want = compute(grid, EVERYTHING), expected(grid)
    names = feature_names(EVERYTHING)
    spread = np.zeros(len(names))  # of the signal that a feature is made of
    for block in blocks(EVERYTHING):
        if block.kind not in ("age", "since", "calendar"):
            spread[block.columns] = np.nanstd(got[:, list(block.signals or range(3))], axis=0, dtype=np.float64)
    for column, name in enumerate(names):
        x, y = got[:, column], want[:, column]
        np.testing.assert_array_equal(np.isnan(x), np.isnan(y), err_msg=name)
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5 * spread[column], err_msg=name)


def test_the_oracle_s_list_has_every_kind_and_every_statistic() -> None:
    assert {block.kind for block in blocks(EVERYTHING)} == {*_BLOCKS, "core"}


def test_no_window_looks_over_a_gap_or_a_reset() -> None:
    """What came before a segment may be anything: what windows say in it stays, to the bit."""
    grid = grid_of(7)
    last = grid.groupby("device")["segment"].transform("max") == grid["segment"]
    before = grid.assign(
        **{c.name: np.where(last, grid[c.name], np.float32(123.0)).astype(np.float32) for c in CHANNELS}
    )
    alone, other = compute(grid, EVERYTHING), compute(before, EVERYTHING)
    windows = [i for i, name in enumerate(feature_names(EVERYTHING)) if "deviation" not in name]  # that is a life's
    np.testing.assert_array_equal(alone[last.to_numpy()][:, windows], other[last.to_numpy()][:, windows])
