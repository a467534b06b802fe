"""The leakage audit: tries to find what would let a model cheat, and says in a sentence what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import feature_names
from fleetloop_edge.spec import FeatureSpec
from pipelines.features import compute
from pipelines.params import SplitSpec
from pipelines.split.association import most_determining, strongest
from pipelines.split.check import Check, count, unjudged
from pipelines.split.copies import duplicate_rows
from pipelines.split.placed import on_a_side
from pipelines.split.probes import Sample
from pipelines.split.scaling import scaled_on_all
from pipelines.split.sides import SIDES

ENOUGH_DEVICES = 5
"""With fewer failures to look at, age or any trend tells the answer without a leak."""

Compute = Callable[[pd.DataFrame, FeatureSpec], NDArray[np.float32]]


@dataclass(frozen=True)
class Rules:
    """What the audit judges by. apart: periods that two sides of one device must lie apart, at least."""

    features: FeatureSpec
    spec: SplitSpec
    apart: int


def audit(grid: pd.DataFrame, targets: pd.DataFrame, sample: Sample, rules: Rules) -> list[Check]:
    """All checks of a split; grid and targets row by row alike. sample: of the train side."""
    features, spec = rules.features, rules.spec
    return [
        every_side(targets, spec),
        devices_on_one_side(targets, spec),
        windows_on_one_side(targets, rules.apart, features.period_s),
        duplicate_rows(grid, targets, features.channels, spec),
        future_shift(grid, targets, features, spec.probe_devices),
        target_echo(sample, spec),
        single_feature(sample, spec),
        scaled_on_all(grid, targets, features.channels),
    ]


def every_side(targets: pd.DataFrame, spec: SplitSpec) -> Check:
    """Each side has rows whose target is known."""
    known = set(targets.loc[targets["target"].notna(), "side"])
    empty = [side for side in SIDES if side not in known]
    found = count("every_side", empty, "side", "without a row whose target is known")
    if found.passed:
        return found
    cure = "other shares, or a later start" if spec.by == "time" else "`fleetloop split suggest` finds a seed"
    lost = int((targets["side"] == "embargo").sum())
    said = f"no row with a known target on side {', '.join(empty)}; {cure}"
    if spec.by != "device":
        said += f" (the embargo took {lost} of {len(targets)} rows: shorter windows make it shorter)"
    else:
        said += ", and with one device or very few, split by time (split.by)"
    return Check(found.name, found.value, 0.0, False, said)


def devices_on_one_side(targets: pd.DataFrame, spec: SplitSpec) -> Check:
    """No device has rows on two sides; where time alone divides them, all may."""
    if spec.by == "time":
        return unjudged("device_on_two_sides", 0.0, "the split is by time, which divides each device")
    sides = targets[on_a_side(targets)].groupby("device")["side"].nunique()
    return count("device_on_two_sides", sides[sides > 1].index.tolist(), "device", "on two sides")


def windows_on_one_side(targets: pd.DataFrame, apart: int, period_s: float) -> Check:
    """No window, with what settles its target, reaches into another side of its device."""
    rows = targets[on_a_side(targets)]
    before = rows.shift(1)
    changes = (rows["device"] == before["device"]) & (rows["side"] != before["side"])
    near = (rows["time"] - before["time"]).dt.total_seconds() <= apart * period_s
    names = sorted(rows.loc[changes & near, "device"].unique())
    return count("window_on_two_sides", names, "device", f"with windows on two sides, less than {apart} periods apart")


def future_shift(
    grid: pd.DataFrame, targets: pd.DataFrame, features: FeatureSpec, devices: int, computed: Compute = compute
) -> Check:
    """Features of a history cut short are those of the whole, to the bit."""
    differing: list[str] = []
    train = targets["side"] == "train"
    for name in sorted(grid.loc[train, "device"].unique())[:devices]:
        history = grid[grid["device"] == name].reset_index(drop=True)
        cut = max(1, len(history) * 2 // 3)
        whole, short = computed(history, features)[:cut], computed(history[:cut], features)
        same = (whole == short) | (np.isnan(whole) & np.isnan(short))
        differing += [feature_names(features)[i] for i in np.flatnonzero(~same.all(axis=0))]
    return count("future_shift", sorted(set(differing)), "feature", "changed by rows that came after")


def target_echo(sample: Sample, spec: SplitSpec) -> Check:
    """The target is no function of one channel, of whatever shape, over all devices."""
    refuses = "target_echo" not in spec.accept
    if sample.failing < ENOUGH_DEVICES:
        return unjudged("target_echo", spec.echo_max, _few_failures(sample), refuses=refuses)
    column, value = most_determining(sample.channels, sample.target, spec.seed)
    name, passed = sample.channel_names[column], value <= spec.echo_max
    sentence = f"of all channels {name} determines the target most, to {max(value, 0):.2f} of 1"
    if not passed:
        sentence = (
            f"the target is nearly a function of channel {name} ({value:.3f} of 1): does it echo the answer? leave it "
            f"out of features.channels, or name target_echo in split.accept if it is measured before the fact"
        )
    return Check("target_echo", round(value, 6), spec.echo_max, passed, sentence, refuses)


def single_feature(sample: Sample, spec: SplitSpec) -> Check:
    """No feature alone tells the answer: by rank correlation with the life left, or AUC where the target is 0 or 1."""
    limit = spec.single_feature_max
    if sample.failing < ENOUGH_DEVICES:
        return unjudged("single_feature", limit, _few_failures(sample), refuses=False)
    column, value = strongest(sample.table, sample.life, sample.target)
    name, passed = sample.names[column], value <= limit
    sentence = f"the strongest single feature is {name} at {value:.3f}"
    if not passed:
        sentence = f"{name} alone tells the answer ({value:.3f} > {limit:g}): is it known that early in the field?"
    return Check("single_feature", round(value, 6), limit, passed, sentence, refuses=False)


def _few_failures(sample: Sample) -> str:
    return f"{sample.failing} train devices with a known failure are fewer than {ENOUGH_DEVICES}"
