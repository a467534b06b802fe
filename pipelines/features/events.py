"""Events of a device's history, in the order in which the device is told of them."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd


class Event(NamedTuple):
    """What happened to a device; times in epoch seconds."""

    received: float
    time: float
    kind: str
    device: str


def events_of(events: pd.DataFrame | None, device: str | None = None) -> list[Event]:
    """The events (device, kind, time, received) of one device, or of all, by receipt."""
    if events is None:
        return []
    mine = events if device is None else events[events["device"] == device]
    times = (pd.DatetimeIndex(mine[name]).as_unit("us").asi8 / 1e6 for name in ("received", "time"))
    told = zip(*times, mine["kind"].astype(str), mine["device"].astype(str), strict=True)
    return sorted(Event(float(received), float(time), kind, name) for received, time, kind, name in told)
