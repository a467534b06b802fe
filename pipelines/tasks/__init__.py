"""Tasks: which question a use case asks. A task is one file; this list is the only other place that names it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipelines.tasks.base import Outcome, Task
from pipelines.tasks.failure_within_horizon import FailureWithinHorizon
from pipelines.tasks.remaining_useful_life import RemainingUsefulLife

TaskSpec = Annotated[FailureWithinHorizon | RemainingUsefulLife, Field(discriminator="kind")]

__all__ = ["FailureWithinHorizon", "Outcome", "RemainingUsefulLife", "Task", "TaskSpec"]
