"""The leakage audit: tries to find what would let a model cheat, and says in a sentence what it found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import feature_names
from fleetloop_edge.spec import FeatureSpec
from pipelines.features import compute
from pipelines.params import SplitSpec
from pipelines.split.association import strongest
from pipelines.split.sides import SIDES

RUN_ROWS = 5
"""Rows in a row that must be equal before two histories count as one: single rows of coarse sensors often are."""
ENOUGH_DEVICES = 5
"""With fewer failures to look at, age or any trend tells the answer without a leak."""
ENOUGH_ROWS = 20_000


@dataclass(frozen=True)
class Check:
    """One question of the audit. value: None where there is too little to judge; passed: value <= limit."""

    name: str
    value: float | None
    limit: float
    passed: bool
    sentence: str


def audit(grid: pd.DataFrame, targets: pd.DataFrame, features: FeatureSpec, spec: SplitSpec) -> list[Check]:
    """All checks of a split; grid and targets row by row alike."""
    return [
        every_side(targets),
        devices_on_one_side(targets),
        windows_on_one_side(grid, targets),
        duplicate_rows(grid, targets, features.channels, spec.duplicate_share_max),
        future_shift(grid, targets, features, spec.probe_devices),
        single_feature(grid, targets, features, spec.single_feature_max),
    ]


def every_side(targets: pd.DataFrame) -> Check:
    """Each side has rows whose target is known."""
    known = set(targets.loc[targets["target"].notna(), "side"])
    empty = [side for side in SIDES if side not in known]
    said = f"no row with a known target on side {', '.join(empty)}; try another split.seed or other shares"
    return _count("every_side", len(empty), "every side has rows with a known target" if not empty else said)


def devices_on_one_side(targets: pd.DataFrame) -> Check:
    """No device has rows on two sides."""
    sides = targets.groupby("device")["side"].nunique()
    return _count("device_on_two_sides", *_named("device", "on two sides", sides[sides > 1].index.tolist()))


def windows_on_one_side(grid: pd.DataFrame, targets: pd.DataFrame) -> Check:
    """No segment, and so no window, has rows on two sides."""
    sides = targets["side"].groupby([grid["device"], grid["segment"]]).nunique()
    names = [f"{device} (segment {segment})" for device, segment in sides[sides > 1].index]
    return _count("window_on_two_sides", *_named("window", "on two sides", names))


def duplicate_rows(grid: pd.DataFrame, targets: pd.DataFrame, channels: tuple[str, ...], limit: float) -> Check:
    """No device's history stands on another side under another name: stretches of equal values tell."""
    stretch, counted = _stretches(grid, channels)
    side = pd.Categorical(targets["side"], categories=list(SIDES)).codes[counted]
    _, code = np.unique(stretch[counted], return_inverse=True)
    seen = np.zeros(code.max(initial=-1) + 1, dtype=np.int64)
    np.bitwise_or.at(seen, code, 1 << side.astype(np.int64))
    shared = pd.Series((seen & (seen - 1) != 0)[code])
    worst = shared.groupby(grid["device"].to_numpy()[counted]).mean().sort_values(ascending=False, kind="stable")
    value = float(worst.iloc[0]) if len(worst) else 0.0
    sentence = f"at most {value:.1%} of a device's rows stand on another side too"
    if value > limit:
        copies = worst[worst > limit].index.tolist()
        sentence = f"{value:.1%} of the rows of {_few(copies)} stand on another side too: one device under two names?"
    return Check("duplicate_rows", value, limit, value <= limit, sentence)


def future_shift(grid: pd.DataFrame, targets: pd.DataFrame, features: FeatureSpec, devices: int) -> Check:
    """Features of a history cut short are those of the whole, to the bit."""
    differing: list[str] = []
    train = targets["side"] == "train"
    for name in sorted(grid.loc[train, "device"].unique())[:devices]:
        history = grid[grid["device"] == name]
        cut = max(1, len(history) * 2 // 3)
        whole, short = compute(history, features)[:cut], compute(history[:cut], features)
        same = (whole == short) | (np.isnan(whole) & np.isnan(short))
        differing += [feature_names(features)[i] for i in np.flatnonzero(~same.all(axis=0))]
    names = sorted(set(differing))
    return _count("future_shift", *_named("feature", "changed by rows that came after", names))


def single_feature(grid: pd.DataFrame, targets: pd.DataFrame, features: FeatureSpec, limit: float) -> Check:
    """No feature alone tells the answer: by rank correlation with the life left, or AUC where the target is 0 or 1."""
    train = (targets["side"] == "train").to_numpy()
    known = targets[train & np.isfinite(targets["life"]).to_numpy()]
    failing = int(known["device"].nunique())
    if failing < ENOUGH_DEVICES:
        sentence = f"not judged: {failing} train devices with a known failure are fewer than {ENOUGH_DEVICES}"
        return Check("single_feature", None, limit, True, sentence)
    rows = np.flatnonzero(train)
    rows = rows[:: max(1, len(rows) // ENOUGH_ROWS)]
    table = compute(grid[train].reset_index(drop=True), features)[np.searchsorted(np.flatnonzero(train), rows)]
    column, value = strongest(table, targets["life"].to_numpy()[rows], targets["target"].to_numpy()[rows])
    name = feature_names(features)[column]
    sentence = f"the strongest single feature is {name} at {value:.3f}"
    if value > limit:
        sentence = f"{name} alone tells the answer ({value:.3f} > {limit:g}): does its channel echo the target?"
    return Check("single_feature", round(value, 6), limit, value <= limit, sentence)


def _stretches(grid: pd.DataFrame, channels: tuple[str, ...]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """(n,) hash of each row with the RUN_ROWS - 1 before it, and whether that is one stretch in which values move."""
    bits = np.ascontiguousarray(grid[list(channels)].to_numpy(dtype=np.float32)).view(np.uint32).astype(np.uint64)
    row = np.zeros(len(grid), dtype=np.uint64)
    for c in range(bits.shape[1]):
        row = _mixed(row ^ bits[:, c])
    stretch, moves = row.copy(), np.zeros(len(grid), dtype=np.bool_)
    for back in range(1, RUN_ROWS):
        earlier = np.roll(row, back)
        stretch = _mixed(stretch ^ earlier)
        moves |= earlier != row
    return stretch, moves & (grid["run"].to_numpy() >= RUN_ROWS)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64: every bit of x moves every bit of the answer. Source: Steele et al., OOPSLA 2014."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _named(noun: str, what: str, names: list[str]) -> tuple[int, str]:
    return len(names), f"{len(names)} {noun}s {what}: {_few(names)}" if names else f"no {noun} {what}"


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _count(name: str, value: int, sentence: str) -> Check:
    return Check(name, float(value), 0.0, value == 0, sentence)
