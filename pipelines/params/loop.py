"""When a use case is trained again, and what a candidate must show before it replaces the champion."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipelines.frozen import Frozen


class ReleaseSpec(Frozen):
    """How a candidate that passed its gates is compared with the champion on the same held-out devices.

    not_worse: refused where the interval of the difference shows it to be worse, or its loss is more than `worse_max`
    above the champion's; a gap below `even_within` is none. better: refused unless the interval shows it to be better.
    gates: the gates alone decide.
    """

    rule: Literal["not_worse", "better", "gates"] = "not_worse"
    worse_max: float = Field(0.1, ge=0)  # of the champion's loss: a larger gap holds even where devices are few
    even_within: float = Field(0.001, ge=0)  # of the champion's loss: a smaller gap is none, however surely it is there
    rows: int = Field(20_000, ge=1)  # of held-out devices that both bundles answer, row by row; whole devices
    resamples: int = Field(1000, ge=100)  # of devices


class RetrainSpec(Frozen):
    """What the governor allows. A run started by hand is held to the lease and the key alone, and is recorded."""

    cool_down_h: float = Field(24.0, ge=0)  # hours after a run that ended published or held
    runs_per_week: int = Field(7, ge=1)
    cpu_hours_per_week: float = Field(24.0, gt=0)
    new_rows: int = Field(0, ge=0)  # records that must have come since the last run
    new_labels: int = Field(0, ge=0)  # events and labels that must have come since the last run
    lease_s: float = Field(120.0, gt=0)  # seconds after its last sign of life that a run counts as dead
