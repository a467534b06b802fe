"""The loop, shown: a simulated fleet, what happens to it, and the schedule that it is compared with."""

from __future__ import annotations

from pydantic import Field, model_validator

from pipelines.frozen import Frozen
from pipelines.params.order import Order


class DemoSpec(Frozen):
    """`fleetloop demo loop`. Days are counted from the end of the history that the first champion learns from."""

    use_case: str = "pumps"
    devices: int = Field(200, ge=6)
    history_days: int = Field(35, ge=14)  # of which the first champion learns
    days: int = Field(56, ge=2)  # simulated afterwards
    every_days: int = Field(7, ge=1)  # so often the field's data come in and are judged
    schedule_days: int = Field(28, ge=1)  # of the policy that retrains by the calendar
    retraining_cost: float = Field(0.0, ge=0)  # money, of people and machines, the same for every policy
    orders: tuple[Order, ...] = ()  # what happens: sensor faults, firmware, drifts
    params: dict[str, float | int | str | bool | None] = Field(default_factory=dict)
    """Values of params.yaml for this fleet, by dotted path: they cap what one training costs."""

    @property
    def spans(self) -> int:
        """How often the field is judged."""
        return self.days // self.every_days

    @model_validator(mode="after")
    def _within(self) -> DemoSpec:
        for name in ("days", "schedule_days"):
            if getattr(self, name) % self.every_days:
                raise ValueError(f"{name} {getattr(self, name)} is no multiple of every_days {self.every_days}")
        late = [order for order in self.orders if order.day >= self.days]
        if late:
            raise ValueError(f"an order on day {late[0].day:g} comes after the {self.days} days that are shown")
        return self
