"""On the way to the cloud: outages, lost, late, repeated, contradicted and garbled messages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipelines.simulate.machine import HOUR, Float, Pumps


@dataclass(frozen=True)
class Messages:
    """Messages in the order in which they arrived; all arrays (n,), values (n, channels), NaN = not measured."""

    device: NDArray[np.int64]
    time: Float  # epoch seconds, whole
    received: Float  # epoch seconds, to the millisecond
    values: Float
    garbled: Float  # share of the message that survived, 1 for nearly all

    def __len__(self) -> int:
        return len(self.device)


def send(measured: Float, pumps: Pumps, start: float, rng: Generator) -> tuple[Messages, dict[str, int]]:
    """Messages from what was measured (hours, devices, channels), and how many of them are dirty in which way."""
    hours, devices, _ = measured.shape
    hour, device = np.nonzero(~np.isnan(measured).all(axis=2))
    time = np.round(start + hour * HOUR + pumps.phase[device] + rng.normal(0.0, 3.0, len(hour)))
    delay = np.round(rng.gamma(2.0, 20.0, len(hour)), 3)
    late = rng.random(len(hour)) < 0.01
    delay = np.where(late, np.round(rng.uniform(1.0, 9.0, len(hour)) * HOUR, 3), delay)
    lost, backlog = _outages(hours, devices, rng)
    wait = backlog[hour, device]
    delay = np.where(wait > 0, wait * HOUR + delay, delay)
    keep = ~lost[hour, device] & (rng.random(len(hour)) >= 0.003)
    first = Messages(device, time, time + delay, measured[hour, device], np.ones(len(hour)))
    kept = _take(first, np.flatnonzero(keep))
    messages, counts = _repeat(kept, rng)
    cut = rng.random(len(messages)) < 0.0005
    garbled = np.where(cut, rng.uniform(0.1, 0.6, len(messages)), 1.0)
    order = np.lexsort((messages.device, messages.time, messages.received))
    whole = Messages(messages.device, messages.time, messages.received, messages.values, garbled)
    counts |= {"lost": int((~keep).sum()), "late": int((delay[keep] > HOUR / 2).sum()), "garbled": int(cut.sum())}
    return _take(whole, order), counts


def _outages(hours: int, devices: int, rng: Generator) -> tuple[NDArray[np.bool_], Float]:
    """(hours, devices): whether a message is lost, and for how many hours it waits for the line."""
    lost = np.zeros((hours, devices), dtype=bool)
    backlog = np.zeros((hours, devices))
    for device in range(devices):
        for _ in range(rng.poisson(0.05 * hours / 24)):
            first = int(rng.integers(0, hours))
            last = min(first + int(rng.geometric(0.2)), hours)
            if rng.random() < 0.5:
                lost[first:last, device] = True
            else:
                backlog[first:last, device] = last - np.arange(first, last)
    return lost, backlog


def _repeat(messages: Messages, rng: Generator) -> tuple[Messages, dict[str, int]]:
    """Some messages come twice; very few come again with another vibration."""
    again = np.flatnonzero(rng.random(len(messages)) < 0.01)
    other = np.flatnonzero((rng.random(len(messages)) < 0.0002) & ~np.isnan(messages.values[:, 3]))
    contradiction = _take(messages, other)
    contradiction.values[:, 3] *= 1.5
    contradiction.received[:] += 60.0
    parts = (messages, _take(messages, again), contradiction)
    names = ("device", "time", "received", "values", "garbled")
    joined = Messages(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
    return joined, {"repeated": len(again), "contradicted": len(other)}


def _take(messages: Messages, which: NDArray[np.int64]) -> Messages:
    m = messages
    return Messages(m.device[which], m.time[which], m.received[which], m.values[which], m.garbled[which])
