"""Grid rows of fleets whose channels hang together, for what looks at single sensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fleetloop_edge.spec import Channel
from pipelines.watch.measure import Calendar
from tests.builders.fleets import ar

NAMES = ("pressure", "flow", "heat", "noise")
CHANNELS = tuple(Channel(name, "bar", -100.0, 100.0) for name in NAMES)
DAY = 24


def histories(devices: int, days: int, seed: int = 0, tag: str = "pump", start: str = "2026-01-01") -> pd.DataFrame:
    """Hourly rows of four channels that all follow a device's load, each with a day's rhythm and noise of its own."""
    rng = np.random.default_rng(seed)
    hours = days * DAY
    load = ar(rng, 0.97, devices, hours, 1) + 0.5 * np.sin(2 * np.pi * np.arange(hours) / DAY)[:, None]
    own = 0.3 * ar(rng, 0.5, devices, hours, len(NAMES))
    level = 10.0 + rng.normal(size=(devices, 1, len(NAMES)))
    values = level + load * np.array([1.0, 2.0, 0.5, 0.0]) + own
    time = pd.date_range(start, periods=hours, freq="h", tz="UTC").as_unit("us")
    frame = pd.DataFrame({"device": np.repeat([f"{tag}-{d:02d}" for d in range(devices)], hours)})
    frame["time"] = pd.Series(np.tile(time, devices)).astype("datetime64[us, UTC]")
    for place, name in enumerate(NAMES):
        frame[name] = values[:, :, place].ravel().astype(np.float32)
        frame[f"{name}.measured"] = True
    return frame


def newest_slot(times: pd.Series[pd.Timestamp], period_s: float) -> int:
    """The slot of the newest row."""
    return int(Calendar(period_s, 1, 0).slot(times).max())


def rows_of(frame: pd.DataFrame, devices: Sequence[str], since: str, until: str | None = None) -> pd.Series[bool]:
    """Rows of some devices from a day on."""
    found = frame["device"].isin(devices) & (frame["time"] >= pd.Timestamp(since, tz="UTC"))
    return found if until is None else found & (frame["time"] < pd.Timestamp(until, tz="UTC"))
