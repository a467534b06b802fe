"""Where a simulated fleet stands between two runs; kept with the truth, never with the raw files."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import DataError
from pipelines.files import write_json
from pipelines.params import SimulateSpec
from pipelines.simulate.machine import Pumps, build
from pipelines.simulate.orders import Standing

NAME = "state.json"


@dataclass
class Fleet:
    """A fleet at a moment. runs: how often it was let run, which also seeds the next one."""

    spec: SimulateSpec
    end: float  # epoch seconds: everything before it has been simulated
    pumps: Pumps
    orders: list[Standing] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)


def load(spec: SimulateSpec, raw: Path, truth: Path) -> Fleet:
    """The fleet as the last run left it, or a new one.

    Raises DataError when the state belongs to another fleet, or is gone while its raw files are still there.
    """
    path = truth / NAME
    again = f"delete {raw} and {truth} to start anew"
    written = any(raw.glob("*/*"))
    if not path.exists():
        if written:
            raise DataError(f"{raw} holds files but the fleet that wrote them is unknown ({path} is gone); {again}")
        return _new(spec)
    try:
        saved = json.loads(path.read_text())
        fleet = _restore(spec, saved)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({' '.join(str(error).split())[:120]}); {again}") from None
    for key in ("fleet", "seed", "devices", "start", "life_days"):
        was, now = saved["spec"][key], getattr(spec, key)
        if was != now:
            raise DataError(f"{raw} was simulated with {key} {was!r}, params.yaml now says {now!r}; {again}")
    return fleet if written or not fleet.runs else _new(spec)


def save(fleet: Fleet, truth: Path) -> None:
    """Write the state; floats survive to the last bit."""
    pumps = {f.name: getattr(fleet.pumps, f.name).tolist() for f in dataclasses.fields(Pumps)}
    told: dict[str, Any] = {"spec": fleet.spec.model_dump(mode="json"), "end": fleet.end, "runs": fleet.runs}
    told["orders"] = [order.to_dict() for order in fleet.orders]
    write_json(truth / NAME, told | {"pumps": pumps})


def _new(spec: SimulateSpec) -> Fleet:
    rng = np.random.default_rng([spec.seed, 0])
    try:
        start = datetime.fromisoformat(spec.start)
    except ValueError:
        raise DataError(f"simulate.start: {spec.start!r} is not ISO, such as 2026-01-01T00:00:00Z") from None
    return Fleet(spec, start.timestamp(), build(spec.devices, spec.life_days * 24, rng))


def _restore(spec: SimulateSpec, saved: dict[str, Any]) -> Fleet:
    pumps = Pumps(**{name: np.asarray(values, dtype=np.float64) for name, values in saved["pumps"].items()})
    orders = [Standing.from_dict(order) for order in saved["orders"]]
    return Fleet(spec, float(saved["end"]), pumps, orders, list(saved["runs"]))
