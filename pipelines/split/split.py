"""Devices to sides, targets, counts and the audit: the stage without its paths."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from fleetloop_edge.spec import FeatureSpec
from pipelines.features import learn_norms
from pipelines.params import SplitSpec
from pipelines.split.audit import Check, audit
from pipelines.split.sides import SIDES, assign_sides
from pipelines.split.targets import build_targets
from pipelines.tasks import TaskSpec


@dataclass(frozen=True)
class Split:
    """sides: a line a device. targets: a line a row of the grid. spec: the features', with norms of the train rows."""

    sides: pd.DataFrame
    targets: pd.DataFrame
    spec: FeatureSpec
    checks: list[Check]
    counts: dict[str, dict[str, int]]

    @property
    def refusal(self) -> str | None:
        """Why the split must not be learnt from, or None."""
        return "; ".join(check.sentence for check in self.checks if not check.passed) or None

    def report(self) -> dict[str, Any]:
        """Counts by side, and the audit, as JSON types."""
        checks = [asdict(check) for check in self.checks]
        return {"sides": self.counts, "audit": {"passed": self.refusal is None, "checks": checks}}


def split(
    grid: pd.DataFrame,
    events: pd.DataFrame,
    devices: pd.DataFrame,
    task: TaskSpec,
    features: FeatureSpec,
    spec: SplitSpec,
) -> Split:
    """Place every device on a side, every row's target beside it, learn the norms of the features, audit it all.

    grid: of `pipelines.features`. events, devices: of `pipelines.ingest`.
    Raises Refused naming devices to which the dataset gives two sides.
    """
    sides = assign_sides(grid["device"].unique(), devices, spec)
    targets = build_targets(grid, events, sides, task, features.period_s)
    failures = events[events["kind"] == task.failure]
    learnt = learn_norms(grid, ((targets["side"] == "train") & ~targets["valid"]).to_numpy(), features)
    return Split(sides, targets, learnt, audit(grid, targets, learnt, spec), _counts(targets, failures))


def _counts(targets: pd.DataFrame, failures: pd.DataFrame) -> dict[str, dict[str, int]]:
    """By side, and for the part of train that is kept for curves: devices, rows, rows with known target, failures."""
    parts = {side: targets["side"] == side for side in SIDES} | {"valid": targets["valid"]}
    counts = {}
    for name, chosen in parts.items():
        part = targets[chosen]
        counts[name] = {
            "devices": int(part["device"].nunique()),
            "rows": len(part),
            "rows_known": int(np.isfinite(part["target"]).sum()),
            "rows_healthy": int(part["healthy"].sum()),
            "failures": int(failures["device"].isin(part["device"].unique()).sum()),
        }
    return counts
