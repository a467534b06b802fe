"""Rows to sides, targets, counts and the audit: the stage without its paths."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from fleetloop_edge.spec import FeatureSpec
from pipelines.features import learn_norms
from pipelines.params import SplitSpec
from pipelines.split.audit import Rules, audit
from pipelines.split.balance import balanced
from pipelines.split.cheating import Gain, gain_of_cheating
from pipelines.split.check import Check
from pipelines.split.counts import device_table, side_counts
from pipelines.split.embargo import embargo_of
from pipelines.split.placed import place_rows
from pipelines.split.probes import sample_train
from pipelines.split.sides import assign_sides
from pipelines.split.targets import build_targets
from pipelines.tasks import TaskSpec


@dataclass(frozen=True)
class Split:
    """sides: a line a device and side. targets: a line a row of the grid. spec: the features', with norms of train."""

    sides: pd.DataFrame
    targets: pd.DataFrame
    spec: FeatureSpec
    checks: list[Check]
    gain: Gain
    counts: dict[str, dict[str, int]]
    by: str
    embargo: int  # periods; 0 where no device is divided

    @property
    def refusal(self) -> str | None:
        """Why the split must not be learnt from, or None."""
        return "; ".join(check.sentence for check in self.checks if check.refuses and not check.passed) or None

    def report(self) -> dict[str, Any]:
        """Counts by side, and the audit, as JSON types."""
        checks = [asdict(check) for check in self.checks]
        found = {"passed": self.refusal is None, "checks": checks, "cheating": asdict(self.gain)}
        return {"by": self.by, "embargo": self.embargo, "sides": self.counts, "audit": found}


def split(
    grid: pd.DataFrame,
    events: pd.DataFrame,
    devices: pd.DataFrame,
    task: TaskSpec,
    features: FeatureSpec,
    spec: SplitSpec,
) -> Split:
    """Place every row on a side, its target beside it, learn the norms of the features, audit it all.

    grid: of `pipelines.features`. events, devices: of `pipelines.ingest`.
    Raises Refused naming devices to which the dataset gives two sides, ParamsError where cuts or embargo make no sense.
    """
    sides = assign_sides(grid["device"].unique(), devices, spec)
    if spec.by == "time":  # only a given side holds for a whole device
        sides = sides.assign(side=sides["side"].where(sides["given"], ""))
    embargo = 0 if spec.by == "device" else embargo_of(task, features, spec)
    targets = build_targets(grid, events, task, features.period_s)
    targets = targets.join(place_rows(grid, sides, spec, embargo, features.period_s))
    table = device_table(targets, sides, events[events["kind"] == task.failure])
    learnt = learn_norms(grid, ((targets["side"] == "train") & ~targets["valid"]).to_numpy(), features)
    sample = sample_train(grid, targets, learnt, spec)
    checks = audit(grid, targets, sample, Rules(learnt, spec, embargo_of(task, features, spec)))
    gain = gain_of_cheating(sample, task.objective == "binary", spec.seed)
    counts = side_counts(targets, table)
    return Split(table, targets, learnt, [*checks, balanced(table, devices, spec)], gain, counts, spec.by, embargo)
