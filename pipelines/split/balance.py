"""Whether sides drawn by hash have the shares that were asked for: of devices, rows, failures, and of each vendor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.params import SplitSpec
from pipelines.split.check import Check, unjudged
from pipelines.split.sides import SIDES, hashed_side

SEVERAL = 3
"""Of a kind of device (a vendor's, a site's) before its own balance counts."""


@dataclass(frozen=True)
class Fleet:
    """Devices whose side is hashed. names: (n,). weight: (n, q) what is to be balanced, each column summing to 1."""

    names: tuple[str, ...]
    weight: NDArray[np.float64]
    quantities: tuple[str, ...]


@dataclass(frozen=True)
class Uneven:
    """How far a side's share lies from the one asked, at worst, and where."""

    worst: float
    mean: float
    side: str
    quantity: str

    def __str__(self) -> str:
        return f"the {self.side} side's share of {self.quantity} is off by {self.worst:.1%} of them"


def fleet_of(table: pd.DataFrame, devices: pd.DataFrame) -> Fleet:
    """What is to be balanced of the devices whose side is hashed: one of each, their rows, failures, vendors, sites.

    table: device, given, rows, failures, one or more lines a device. devices: device, vendor, site.
    """
    open_ = table[~table["given"]].groupby("device", sort=True)[["rows", "failures"]].sum()
    amounts = {"devices": np.ones(len(open_)), "rows": open_["rows"].to_numpy(dtype=np.float64)}
    amounts["failures"] = open_["failures"].to_numpy(dtype=np.float64)
    last = devices.groupby("device").last()
    for kind in ("vendor", "site"):
        of = last[kind].reindex(open_.index) if kind in last else pd.Series(index=open_.index, dtype="str")
        for value, size in of.value_counts().sort_index().items():
            if SEVERAL <= size < len(open_):
                amounts[f"devices of {kind} {value}"] = (of == value).to_numpy(dtype=np.float64)
    amounts = {name: amount for name, amount in amounts.items() if amount.sum() > 0}
    weight = np.array([amount / amount.sum() for amount in amounts.values()]).reshape(len(amounts), len(open_)).T
    return Fleet(tuple(str(name) for name in open_.index), weight, tuple(amounts))


def unevenness(fleet: Fleet, spec: SplitSpec) -> Uneven:
    """How uneven the sides are that `spec` hashes the fleet to."""
    side = np.array([SIDES.index(hashed_side(name, spec)) for name in fleet.names])
    asked = np.array([1 - spec.test - spec.calibration, spec.calibration, spec.test])
    off = np.abs(np.array([fleet.weight[side == i].sum(axis=0) for i in range(len(SIDES))]) - asked[:, None])
    at = np.unravel_index(int(np.argmax(off)), off.shape)
    return Uneven(float(off.max()), float(off.mean()), SIDES[at[0]], fleet.quantities[at[1]])


def balanced(table: pd.DataFrame, devices: pd.DataFrame, spec: SplitSpec) -> Check:
    """Sides drawn by hash are about as large as asked; of a small fleet they rarely are, by any seed."""
    fleet = fleet_of(table, devices)
    if spec.by == "time" or not fleet.names:
        why = "the split is by time" if spec.by == "time" else "the dataset gives every device its side"
        return unjudged("balance", spec.balance_max, why, refuses=False)
    found = unevenness(fleet, spec)
    passed = found.worst <= spec.balance_max
    said = f"no side's share of devices, rows or failures is off by more than {found.worst:.0%} of them"
    if not passed:
        said = f"{found}; `fleetloop split suggest` finds a seed that balances the fleet"
    return Check("balance", round(found.worst, 6), spec.balance_max, passed, said, refuses=False)
