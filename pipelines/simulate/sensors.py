"""What the sensors make of it: noise is in the machine, faults and spikes are here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from pipelines.simulate.machine import CHANNELS, Float

DRIFT_PER_DAY = (0.06, 0.5, 1.5, 0.25, 0.4)  # canonical units, by channel


@dataclass(frozen=True)
class Fault:
    """A sensor that lies for a while."""

    device: int
    channel: str
    first: int  # hour
    last: int  # hour, not included
    kind: Literal["stuck", "drift"]


def spoil(signals: Float, rng: Generator) -> tuple[Float, list[Fault]]:
    """Signals (hours, devices, channels) as measured: stuck and drifting sensors, then spikes and silent channels."""
    measured = signals.copy()
    hours, devices, channels = signals.shape
    faults = []
    for device in range(devices):
        for kind, per_day in (("stuck", 1 / 90), ("drift", 1 / 120)):
            for _ in range(rng.poisson(per_day * hours / 24)):
                fault = _draw(device, "stuck" if kind == "stuck" else "drift", hours, rng)
                _apply(measured, fault, rng)
                faults.append(fault)
    spike = rng.random(signals.shape) < 0.0015
    factor = np.where(
        rng.random(signals.shape) < 0.5, rng.uniform(3, 9, signals.shape), rng.uniform(-2, 0.2, signals.shape)
    )
    measured = np.where(spike, measured * factor, measured)
    silent = rng.random((hours, devices, channels)) < 0.004
    return np.where(silent, np.nan, measured), faults


def _draw(device: int, kind: Literal["stuck", "drift"], hours: int, rng: Generator) -> Fault:
    first = int(rng.integers(0, hours))
    length = int(rng.integers(12, 73) if kind == "stuck" else rng.integers(72, 240))
    return Fault(device, CHANNELS[int(rng.integers(0, len(CHANNELS)))], first, min(first + length, hours), kind)


def _apply(measured: Float, fault: Fault, rng: Generator) -> None:
    channel = CHANNELS.index(fault.channel)
    span = measured[fault.first : fault.last, fault.device, channel]
    if fault.kind == "stuck":
        span[~np.isnan(span)] = span[0]
    else:
        sign = 1.0 if rng.random() < 0.5 else -1.0
        span += sign * DRIFT_PER_DAY[channel] * np.arange(len(span)) / 24
