"""The time of day, week and year as a point on a circle: no jump at midnight. UTC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SECONDS = {"day": 86_400.0, "week": 7 * 86_400.0, "year": 365.2425 * 86_400.0}
MONDAY = 4 * 86_400.0
"""1970-01-05, from which weeks are counted."""


def on_circle(times: NDArray[np.float64], cycle: str) -> NDArray[np.float32]:
    """(2, n) sine and cosine of times (n,), epoch seconds, in a cycle."""
    past = (times - (MONDAY if cycle == "week" else 0.0)) % SECONDS[cycle]
    angle = 2 * np.pi * (past / SECONDS[cycle])
    return np.stack([np.sin(angle), np.cos(angle)]).astype(np.float32)
