"""Orders given to a fleet: from which moment they hold, for whom, and what they make of physics and measurements."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipelines.errors import ParamsError
from pipelines.params import FIRMWARE_KINDS, SENSOR_KINDS, WORLD_KINDS, Order, SimulateSpec
from pipelines.simulate.drift import DRIFTS, Physics
from pipelines.simulate.fleet import device_names, site_of, vendor_of
from pipelines.simulate.machine import CHANNELS, HOUR, Float
from pipelines.simulate.vendors import SITES, VENDORS

DAY = 24 * HOUR
OFFSETS = (1.5, 8.0, 12.0, 2.0, 10.0)  # canonical units, by channel
UNITS = {  # another unit that a channel may come in, as if it were the canonical one: scale, offset
    "pressure": (14.503773773, 0.0),  # psi
    "flow": (3.6, 0.0),  # m3/h
    "temperature": (1.8, 32.0),  # degF
    "vibration": (1 / 25.4, 0.0),  # inch/s
    "current": (1e-3, 0.0),  # kA
}


@dataclass(frozen=True)
class Standing:
    """An order that was given. since, until: epoch seconds (None: for good). devices: whom it holds for, by number."""

    kind: str
    since: float
    until: float | None
    devices: tuple[int, ...]
    channel: str | None
    size: float
    version: str

    def holds(self, time: Float) -> NDArray[np.bool_]:
        """At which of these moments."""
        return (time >= self.since) & (time < (np.inf if self.until is None else self.until))

    def to_dict(self) -> dict[str, Any]:
        """As the state keeps it."""
        return dataclasses.asdict(self) | {"devices": list(self.devices)}

    @staticmethod
    def from_dict(told: dict[str, Any]) -> Standing:
        """What `to_dict` gave."""
        return Standing(**{**told, "devices": tuple(told["devices"])})


def stand(order: Order, start: float, spec: SimulateSpec, rng: Generator) -> Standing:
    """An order given to the run that begins at `start`; what it leaves open is drawn. Raises ParamsError."""
    channel = _known("channel", order.channel, CHANNELS)
    if channel is None and order.kind not in WORLD_KINDS:
        channel = CHANNELS[int(rng.integers(len(CHANNELS)))]
    sign = 1.0 if rng.random() < 0.5 else -1.0
    usual = sign * OFFSETS[CHANNELS.index(channel)] if channel is not None else 0.0
    since = start + order.day * DAY
    return Standing(
        order.kind,
        since,
        None if order.days is None else since + order.days * DAY,
        _devices(order, spec, rng),
        channel,
        usual if order.size is None else order.size,
        order.version,
    )


def _devices(order: Order, spec: SimulateSpec, rng: Generator) -> tuple[int, ...]:
    everyone = range(spec.devices)
    if order.kind in FIRMWARE_KINDS:
        names = tuple(v.name for v in VENDORS)
        vendor = _known("vendor", order.vendor, names) or names[int(rng.integers(len(names)))]
        return tuple(d for d in everyone if vendor_of(d).name == vendor)
    if order.kind in WORLD_KINDS:
        site = _known("site", order.site, SITES)
        return tuple(d for d in everyone if site is None or site_of(d) == site)
    if isinstance(order.devices, int):
        if not 1 <= order.devices <= spec.devices:
            raise ParamsError(f"an order for {order.devices} devices; the fleet has {spec.devices}")
        return tuple(sorted(rng.choice(spec.devices, order.devices, replace=False).tolist()))
    names = tuple(device_names(spec.devices))
    return tuple(names.index(str(_known("device", name, names))) for name in order.devices)


def _known(noun: str, name: str | None, names: Sequence[str]) -> str | None:
    if name is not None and name not in names:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise ParamsError(f"an order for {noun} {name!r}, which the fleet does not have; expected one of {shown}")
    return name


def physics_at(orders: Sequence[Standing], now: float, devices: int) -> Physics:
    """The physics in the hour that begins at `now`, each drift upon those ordered before it."""
    found = Physics()
    for order in orders:
        if order.kind in DRIFTS and bool(order.holds(np.array([now]))[0]):
            drift = DRIFTS[order.kind]
            share = ((now - order.since) / HOUR + 1) / (24.0 * drift.days)
            everywhere = len(order.devices) == devices
            found = found.towards(drift, share if everywhere else share * _among(order.devices, devices))
    return found


def spoil_by_order(measured: Float, orders: Sequence[Standing], start: float) -> Float:
    """Measurements (hours, devices, channels) with ordered faults and firmwares, for hours from `start` on."""
    found = measured.copy()
    hours: Float = start + HOUR * np.arange(len(measured), dtype=np.float64)
    for order in orders:
        span = order.holds(hours)
        if order.channel is None or not span.any():
            continue
        for device in order.devices:
            place = (span, device, CHANNELS.index(order.channel))
            found[place] = _lie(order, found[place])
    return found


def _lie(order: Standing, values: Float) -> Float:
    """What an order makes of a channel's values while it holds."""
    if order.kind in ("dropout", "firmware_field"):
        return np.full_like(values, np.nan)
    if order.kind == "stuck":
        said = values[~np.isnan(values)]
        return np.where(np.isnan(values), np.nan, said[0] if len(said) else np.nan)
    if order.kind == "offset":
        return values + order.size
    scale, offset = UNITS[str(order.channel)]
    return values * scale + offset


def firmware_by_order(orders: Sequence[Standing], device: int, time: float) -> str | None:
    """The version that an order put on a device by then; None: none did."""
    versions = [o.version for o in orders if o.kind in FIRMWARE_KINDS and device in o.devices and time >= o.since]
    return versions[-1] if versions else None


def truth_of(orders: Sequence[Standing], names: Sequence[str]) -> list[dict[str, Any]]:
    """Orders as the truth tells them: class (what triage should call it), kind, device names, from and to."""
    classes = dict.fromkeys(SENSOR_KINDS, "sensor_fault") | dict.fromkeys(FIRMWARE_KINDS, "upstream_change")
    return [
        o.to_dict() | {"class": classes.get(o.kind, "drift"), "devices": [names[d] for d in o.devices]} for o in orders
    ]


def _among(devices: Sequence[int], count: int) -> Float:
    found = np.zeros(count)
    found[list(devices)] = 1.0
    return found
