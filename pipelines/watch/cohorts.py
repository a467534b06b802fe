"""Who is judged together: the fleet, and the devices of a site, of a vendor, of a vendor's firmware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

FLEET = "fleet"
LEAST = 3  # devices of a cohort


@dataclass(frozen=True)
class Cohort:
    """Devices that share something: "fleet", "site=mill", "vendor=cima", "firmware=cima 2.1"."""

    name: str
    devices: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether it is the fleet."""
        return self.name == FLEET


def cohorts_of(devices: Sequence[str], table: pd.DataFrame, until: pd.Timestamp) -> tuple[Cohort, ...]:
    """The fleet and its cohorts of at least LEAST devices, each by what was last said of its devices by `until`.

    table: device, from (UTC), site, vendor, firmware. A cohort of the same devices as an earlier one is left out: the
    order is fleet, vendors, sites, firmwares (a firmware's name holds its vendor's: two vendors may both have a 2.0).
    """
    fleet = tuple(sorted(devices))
    told = table[(table["from"] <= until) & table["device"].isin(fleet)]
    newest = told.sort_values("from", kind="stable").drop_duplicates("device", keep="last").fillna("")
    firmware = newest["vendor"].str.cat(newest["firmware"], sep=" ").str.strip().where(newest["firmware"] != "", "")
    found = {fleet: FLEET}
    for kind, values in (("vendor", newest["vendor"]), ("site", newest["site"]), ("firmware", firmware)):
        for value, part in newest["device"].groupby(values, sort=True):
            members = tuple(sorted(part))
            if value and len(members) >= LEAST:
                found.setdefault(members, f"{kind}={value}")
    return tuple(Cohort(name, members) for members, name in found.items())


def places(cohort: Cohort, devices: Sequence[str]) -> list[int]:
    """Where the cohort's devices stand in a sequence of devices."""
    members = set(cohort.devices)
    return [i for i, name in enumerate(devices) if name in members]
