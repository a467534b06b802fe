"""Checked readings → rows: one a device and time, channels in fixed order, unfilled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.readings import Reading


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """All channels of one device at one time."""

    device: str
    time: float  # epoch seconds, UTC
    received: float  # epoch seconds, UTC
    values: NDArray[np.float32]  # (C,) in the order of the channel names; NaN: not measured


def build_rows(readings: Sequence[Reading], channel_names: tuple[str, ...]) -> list[Row]:
    """One row for each device and time, in the order in which they first appear.

    A silent channel is NaN; a value said twice is the last one said; `received` is the latest of the row's readings.
    """
    place = {name: i for i, name in enumerate(channel_names)}
    rows: dict[tuple[str, float], list[float]] = {}
    latest: dict[tuple[str, float], float] = {}
    for reading in readings:
        key = (reading.device, reading.time)
        values = rows.get(key)
        if values is None:
            values = rows[key] = [math.nan] * len(place)
            latest[key] = reading.received
        elif reading.received > latest[key]:
            latest[key] = reading.received
        if reading.channel in place and reading.value == reading.value:  # NaN never replaces a value
            values[place[reading.channel]] = reading.value
    return [Row(*key, latest[key], np.array(values, dtype=np.float32)) for key, values in rows.items()]
