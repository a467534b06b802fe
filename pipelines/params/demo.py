"""The loop, shown: a simulated fleet, what happens to it, and the schedule that it is compared with."""

from __future__ import annotations

from pydantic import Field, model_validator

from pipelines.frozen import Frozen
from pipelines.params.order import Order


class DemoSpec(Frozen):
    """`fleetloop demo loop`. Days are counted from the end of the history that the first champion learns from."""

    use_case: str = "pumps"
    devices: int = Field(200, ge=12)
    history_days: int = Field(35, ge=14)  # of which the first champion learns
    weeks: int = Field(8, ge=2)  # simulated afterwards; the field log is judged at the end of each
    schedule_days: int = Field(28, ge=7)  # of the policy that retrains by the calendar
    orders: tuple[Order, ...] = ()  # what happens: sensor faults, firmware, drifts
    params: dict[str, float | int | str | bool | None] = Field(default_factory=dict)
    """Values of params.yaml for this fleet, by dotted path: they cap what one training costs."""

    @model_validator(mode="after")
    def _within(self) -> DemoSpec:
        late = [order for order in self.orders if order.day >= 7 * self.weeks]
        if late:
            raise ValueError(f"an order on day {late[0].day:g} comes after the {self.weeks} weeks that are shown")
        return self
