"""What may change in the world: each drift puts some of the physics in the place of another."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Amount = float | NDArray[np.float64]  # the same for all pumps, or (devices,)


@dataclass(frozen=True)
class Physics:
    """How pumps run and how wear shows. The bearing's damage scales the last three; 0: it does not show there."""

    speed: Amount = 1.0  # of wear
    load: Amount = 1.0  # of what the plants ask for
    ambient: Amount = 0.0  # K
    pressure: Amount = 1.0  # at the same load
    flow: Amount = 1.0
    vibration: Amount = 1.0  # of a healthy machine
    bearing_vibration: Amount = 2.4
    bearing_heat: Amount = 0.35
    bearing_current: Amount = 0.05

    def towards(self, drift: Drift, share: Amount) -> Physics:
        """The physics `share` of the way (0..1) into a drift."""
        part = np.clip(share, 0.0, 1.0)
        return dataclasses.replace(
            self, **{name: (1 - part) * getattr(self, name) + part * value for name, value in drift.physics.items()}
        )


@dataclass(frozen=True)
class Drift:
    """physics: fields of Physics and where they end. days: until they are there."""

    physics: dict[str, float]
    days: float


DRIFTS: dict[str, Drift] = {
    # The plants move to a thicker, more abrasive fluid: every machine shakes more from the first day, and a worn
    # bearing, damped by the fluid, no longer shakes but runs hot and draws current. What was learnt misleads.
    "wear": Drift(
        {"speed": 1.25, "vibration": 1.4, "bearing_vibration": -0.25, "bearing_heat": 1.3, "bearing_current": 0.2}, 1.0
    ),
    # The pumps are set to work against a higher head: another operating point, which no machine has ever run at.
    "regime": Drift({"pressure": 1.3, "flow": 0.75, "speed": 1.15, "vibration": 1.1}, 2.0),
    "load": Drift({"load": 1.25}, 10.0),  # the plants produce more
    "season": Drift({"ambient": 20.0}, 30.0),  # a summer as it never was
}
