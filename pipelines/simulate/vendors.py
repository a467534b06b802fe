"""How three vendors write the same message: format, units, clock and code for "not measured"."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SITES = ("north", "harbour", "mill", "quarry")
_BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class Message:
    """One measurement as the pump knows it: canonical units, NaN = not measured."""

    device: str
    site: str
    firmware: str
    time: float
    received: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Vendor:
    """A vendor's format. `header`: first line of each of its files, "" for none."""

    name: str
    ending: str
    write: Callable[[Message], str]
    header: str = ""


def _aquatek(m: Message) -> str:
    """A SenML pack; a channel that was not measured is left out."""
    pressure, flow, temperature, vibration, current = m.values
    said = (
        ("pressure", "Pa", pressure * 1e5, 0),
        ("flow", "l/s", flow, 3),
        ("temperature", "K", temperature + 273.15, 2),
        ("vibration", "m/s", vibration / 1e3, 6),
        ("current", "A", current, 2),
    )
    records: list[dict[str, object]] = [
        {"n": name, "u": unit, "v": round(value, digits)} for name, unit, value, digits in said if not math.isnan(value)
    ]
    base = {"bn": f"{m.device}/", "bt": m.time, "site": m.site, "fw": m.firmware, "received": m.received}
    records[0] = base | records[0]
    return json.dumps(records, separators=(",", ":"))


def _borealis(m: Message) -> str:
    """Flat JSON in US units; -9999 was not measured."""
    pressure, flow, temperature, vibration, current = m.values
    said = (("psi", pressure * 14.503773773, 2), ("gpm", flow * 15.850323141, 1), ("deg_f", temperature * 1.8 + 32, 1),
            ("ips", vibration / 25.4, 4), ("amps", current, 2))  # fmt: skip
    about = {"unit_id": m.device, "plant": m.site, "fw_rev": m.firmware}
    times = {"ts": round(m.time * 1e3), "rx": round(m.received * 1e3)}
    return json.dumps(about | times | {n: -9999 if math.isnan(v) else round(v, d) for n, v, d in said})


def _cima(m: Message) -> str:
    """A line of a table with decimal commas, in the plant's local time."""
    pressure, flow, temperature, vibration, current = m.values
    said = ((pressure * 100, 1), (flow * 60, 1), (temperature, 1), (vibration, 2), (current * 1e3, 0))
    cells = ["n/a" if math.isnan(v) else f"{v:.{d}f}".replace(".", ",") for v, d in said]
    local = datetime.fromtimestamp(m.time, _BERLIN).strftime("%d.%m.%Y %H:%M:%S")
    received = datetime.fromtimestamp(m.received, UTC).isoformat(timespec="milliseconds")
    return ";".join([m.device, m.site, m.firmware, local, received, *cells])


_CIMA_HEADER = "Geraet;Standort;Version;Zeit;Empfangen;Druck_kPa;Durchfluss_lmin;Temp_C;Schwingung_mms;Strom_mA"

VENDORS: tuple[Vendor, ...] = (
    Vendor("aquatek", "senml", _aquatek),
    Vendor("borealis", "jsonl", _borealis),
    Vendor("cima", "csv", _cima, _CIMA_HEADER),
)
"""The mappings of the dataset `pumps` in params.yaml read these."""
