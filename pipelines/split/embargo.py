"""How far apart two sides of one device must stand, so that no row tells one side of the other."""

from __future__ import annotations

import math

from fleetloop_edge.layout import blocks
from fleetloop_edge.spec import FeatureSpec
from pipelines.errors import ParamsError
from pipelines.params import SplitSpec
from pipelines.tasks import TaskSpec


def reach_back(features: FeatureSpec) -> int:
    """Rows that a feature or a window looks back; a moving average counts with the mean age of what it remembers."""
    windows = [block.rows for block in blocks(features)]
    averages = [math.ceil(1 / weight) for weight in features.ewma]
    return max([features.sequence.steps, *windows, *averages])


def embargo_of(task: TaskSpec, features: FeatureSpec, spec: SplitSpec) -> int:
    """Periods before each cut that belong to no side: what settles a target, and what a window looks back.

    Raises ParamsError where `split.embargo` asks for less.
    """
    least = math.ceil(task.settled_after) + reach_back(features)
    if spec.embargo is not None and spec.embargo < least:
        raise ParamsError(
            f"params.yaml: split.embargo is {spec.embargo} periods, less than the {least} that targets look ahead "
            f"({math.ceil(task.settled_after)}) and windows look back ({reach_back(features)}); leave it out to have "
            f"the least, or state at least that"
        )
    return least if spec.embargo is None else spec.embargo
