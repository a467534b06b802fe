"""Who is who in a simulated fleet: names, vendors, sites, firmware."""

from __future__ import annotations

from datetime import datetime

from pipelines.params import SimulateSpec
from pipelines.simulate.vendors import SITES, VENDORS, Vendor

DAY = 86400.0


def device_names(count: int) -> list[str]:
    """pump-01, pump-02, ..."""
    width = max(2, len(str(count)))
    return [f"pump-{number:0{width}d}" for number in range(1, count + 1)]


def vendor_of(device: int) -> Vendor:
    """A pump's vendor is its number (from 1) modulo three."""
    return VENDORS[(device + 1) % len(VENDORS)]


def site_of(device: int) -> str:
    """Where a pump stands."""
    return SITES[device % 7 % len(SITES)]


def usual_firmware(spec: SimulateSpec, device: int, time: float) -> str:
    """Some pumps are updated on the way; a device's day does not depend on how far the simulation went."""
    begin = datetime.fromisoformat(spec.start).timestamp()
    updated = device % 3 == 1 and time >= begin + (10 + device % 40) * DAY
    return "2.1" if updated else "2.0"
