"""A bounded part of the train side, with its features: what the audit's probes look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import feature_names
from fleetloop_edge.spec import FeatureSpec
from pipelines.features import compute
from pipelines.params import SplitSpec
from pipelines.split.sides import hashed_place

ROWS_COMPUTED = 200_000
"""Rows whose features are computed, at most, for the rows that are looked at."""


@dataclass(frozen=True)
class Sample:
    """Rows (n,) of the train side, evenly taken. table: (n, F) their features; channels: (n, C) their values."""

    table: NDArray[np.float32]
    names: tuple[str, ...]
    channels: NDArray[np.float32]
    channel_names: tuple[str, ...]
    target: NDArray[np.float32]
    life: NDArray[np.float64]
    fold: NDArray[np.int8]
    failing: int  # devices with a known failure among them


def sample_train(grid: pd.DataFrame, targets: pd.DataFrame, features: FeatureSpec, spec: SplitSpec) -> Sample:
    """Devices in the order of their hashes until there are enough rows; of a long history its beginning."""
    train = (targets["side"] == "train").to_numpy()
    sizes = grid["device"].value_counts()
    names = sorted(set(grid.loc[train, "device"]), key=lambda name: hashed_place(f"probe:{name}", spec))
    whole = np.cumsum([sizes[name] for name in names])
    taken = names[: int(np.searchsorted(whole, ROWS_COMPUTED)) + 1]
    rows = np.flatnonzero(grid["device"].isin(taken).to_numpy())
    rows = rows[grid.iloc[rows].groupby("device").cumcount().to_numpy() < ROWS_COMPUTED]
    part = grid.iloc[rows].reset_index(drop=True)
    seen = np.flatnonzero(train[rows])
    seen = seen[:: max(1, -(-len(seen) // spec.probe_rows))]
    at = targets.iloc[rows[seen]]
    life = at["life"].to_numpy(dtype=np.float64)
    return Sample(
        table=compute(part, features)[seen],
        names=feature_names(features),
        channels=part[list(features.channels)].to_numpy(dtype=np.float32)[seen],
        channel_names=features.channels,
        target=at["target"].to_numpy(dtype=np.float32),
        life=life,
        fold=at["fold"].to_numpy(dtype=np.int8),
        failing=int(at.loc[np.isfinite(life), "device"].nunique()),
    )
