"""What may change in the world: each drift is one physics in the place of another."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.errors import ParamsError


@dataclass(frozen=True)
class Physics:
    """How wear shows. The bearing's damage scales these; 0: it does not show there."""

    speed: float = 1.0  # of wear
    vibration: float = 1.0  # of a healthy machine
    bearing_vibration: float = 2.4
    bearing_heat: float = 0.35
    bearing_current: float = 0.05

    def towards(self, other: Physics, share: float) -> Physics:
        """The physics `share` of the way (0..1) to another."""
        part = min(max(share, 0.0), 1.0)
        names = [f.name for f in dataclasses.fields(self)]
        return Physics(**{n: (1 - part) * getattr(self, n) + part * getattr(other, n) for n in names})


DRIFTS: dict[str, Physics] = {
    # The plants move to a thicker, more abrasive fluid: every machine shakes more from the first day, and a worn
    # bearing, damped by the fluid, no longer shakes but runs hot and draws current. What was learnt misleads.
    "wear": Physics(speed=1.25, vibration=1.4, bearing_vibration=-0.25, bearing_heat=1.3, bearing_current=0.2),
}


def check_drift(name: str | None) -> None:
    """Raises ParamsError naming the drifts that can be ordered."""
    if name is not None and name not in DRIFTS:
        raise ParamsError(f"no drift {name!r}; expected one of {', '.join(DRIFTS)}")


def physics_of(drifts: Sequence[str]) -> Physics:
    """The physics after drifts ordered one after another: the last one holds."""
    return DRIFTS[drifts[-1]] if drifts else Physics()
