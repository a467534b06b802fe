"""Which tickets were about sensors that were really broken: the simulated fleet's truth, for scoring only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.files import read_json, read_table
from pipelines.watch import Finding

MADE_BY = "fleetloop data simulate"


@dataclass(frozen=True)
class Tickets:
    """Sensor tickets. ordered: about what the story ordered; own: about what broke by itself; false: about neither."""

    ordered: int
    own: int
    false: int

    @property
    def sentence(self) -> str:
        """To be read aloud."""
        total = self.ordered + self.own + self.false
        return (
            f"{total} sensor tickets: {self.ordered} about faults of the story, {self.own} about sensors that broke by "
            f"themselves in the simulation, {self.false} about healthy ones"
        )


def judge_tickets(truth: Path, tickets: Sequence[Finding]) -> Tickets:
    """Sort sensor tickets by the truth of a simulated fleet (its folder): same device and channel, at a time before."""
    orders = {
        (device, order["channel"]): pd.Timestamp(order["since"], unit="s", tz="UTC")
        for order in read_json(truth / "orders.json", MADE_BY)
        for device in order["devices"]
    }
    parts = [read_table(path, MADE_BY) for path in sorted(truth.glob("faults-*.parquet"))]
    faults = pd.concat(parts, ignore_index=True)
    ordered = own = false = 0
    for ticket in tickets:
        last = pd.Timestamp(ticket.last_seen)
        if any(orders.get((ticket.cohort, c), last) < last for c in ticket.channels):
            ordered += 1
        elif _broke(faults, ticket, last):
            own += 1
        else:
            false += 1
    return Tickets(ordered, own, false)


def _broke(faults: pd.DataFrame, ticket: Finding, last: pd.Timestamp) -> bool:
    """Whether the sensor lied by itself around the time that the ticket names; a day's grace for a late finding."""
    mine = faults[(faults["device"] == ticket.cohort) & faults["channel"].isin(ticket.channels)]
    since = pd.Timestamp(ticket.first_seen) - pd.Timedelta(days=1)
    return bool(((mine["first"] <= last) & (mine["last"] >= since)).any())
