"""How a pump runs, wears and fails: load, season, two kinds of wear, repair. Hour by hour, all pumps at once.

Two damages grow from 0 towards a threshold near 1 that nobody can measure: the bearing's, which shows as vibration
and some heat, and the impeller's, which shows as lost flow and pressure for the same current. Load and season move
the same channels far more than early wear does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipelines.simulate.drift import Physics

CHANNELS = ("pressure", "flow", "temperature", "vibration", "current")
HOUR = 3600.0
GROWTH = 1.2  # wear feeds on itself: speed x exp(GROWTH x damage)

Float = NDArray[np.float64]


@dataclass
class Pumps:
    """What a fleet is and where it stands; every array (devices,)."""

    pressure: Float  # bar at full load
    flow: Float  # l/s
    current: Float  # A
    vibration: Float  # mm/s of the present bearing
    heat: Float  # K above ambient at full load
    load: Float  # mean
    swing: Float  # daily, share of the load
    weekend: Float  # share by which the load falls on weekends
    warmth: Float  # of the site, K
    phase: Float  # seconds after the full hour at which it measures
    bearing: Float  # damage
    impeller: Float
    bearing_speed: Float  # damage an hour at full load when fresh
    impeller_speed: Float
    bearing_end: Float  # damage at which it fails
    impeller_end: Float
    down: Float  # hours until it runs again; 0: running
    wander: Float  # of the load
    warm: Float  # K above ambient now
    weather: Float  # K, the same for all

    @property
    def count(self) -> int:
        return len(self.load)


@dataclass(frozen=True)
class Run:
    """Hours of truth: (hours, devices) each; signals (hours, devices, channels), NaN while a pump is down."""

    signals: Float
    bearing: Float
    impeller: Float
    load: Float
    events: list[tuple[int, float, str]]  # device, epoch seconds, kind


def build(count: int, life_h: float, rng: Generator) -> Pumps:
    """A fleet whose machines are at random points of their lives."""

    def normal(mean: float, spread: float) -> Float:
        return mean * np.exp(rng.normal(0.0, spread, count))

    pumps = Pumps(**{field.name: np.zeros(count) for field in dataclasses.fields(Pumps)})
    pumps.pressure, pumps.flow, pumps.current = normal(7.0, 0.06), normal(34.0, 0.06), normal(38.0, 0.06)
    pumps.vibration, pumps.heat = normal(2.4, 0.10), normal(30.0, 0.10)
    pumps.load, pumps.swing = rng.uniform(0.65, 0.95, count), rng.uniform(0.0, 0.2, count)
    pumps.weekend, pumps.warmth = rng.uniform(0.0, 0.3, count), rng.normal(0.0, 2.0, count)
    pumps.phase = np.round(rng.uniform(60.0, 1800.0, count))
    pumps.warm = np.full(count, 15.0)
    _renew(pumps, np.ones(count, dtype=bool), life_h, rng)
    pumps.bearing = rng.uniform(0.0, 0.8, count)
    pumps.impeller = rng.uniform(0.0, 0.6, count)
    return pumps


def run(
    pumps: Pumps, start: float, hours: int, life_h: float, physics_at: Callable[[float], Physics], rng: Generator
) -> Run:
    """Let the fleet run; `pumps` is moved on. physics_at: the physics in the hour that begins then."""
    shape = (hours, pumps.count)
    signals = np.full((*shape, len(CHANNELS)), np.nan)
    bearing, impeller, loads = np.empty(shape), np.empty(shape), np.empty(shape)
    events: list[tuple[int, float, str]] = []
    for hour in range(hours):
        now = start + hour * HOUR
        physics = physics_at(now)
        events += _repair(pumps, now, life_h, rng)
        running = pumps.down <= 0
        load = _load(pumps, now, physics, rng)
        _wear(pumps, load * running, physics, rng)
        bearing[hour], impeller[hour], loads[hour] = pumps.bearing, pumps.impeller, load * running
        signals[hour] = np.where(running[:, None], _signals(pumps, load, now, physics, rng), np.nan)
        events += _fail(pumps, running, now, rng)
    return Run(signals, bearing, impeller, loads, events)


def _load(pumps: Pumps, now: float, physics: Physics, rng: Generator) -> Float:
    moment = datetime.fromtimestamp(now, UTC)
    daily = np.sin(2 * np.pi * (moment.hour - 8) / 24.0)
    resting = pumps.weekend if moment.weekday() >= 5 else 0.0
    pumps.wander = 0.97 * pumps.wander + rng.normal(0.0, 0.02, pumps.count)
    asked = physics.load * pumps.load * (1 + pumps.swing * daily) * (1 - resting)
    load: Float = np.clip(asked + pumps.wander, 0.25, 1.05)
    return load


def _wear(pumps: Pumps, load: Float, physics: Physics, rng: Generator) -> None:
    strain = load**1.5 * physics.speed
    for name in ("bearing", "impeller"):
        damage, speed = getattr(pumps, name), getattr(pumps, f"{name}_speed")
        step = speed * strain * np.exp(GROWTH * damage) * rng.gamma(2.0, 0.5, pumps.count)
        setattr(pumps, name, damage + step)


def _signals(pumps: Pumps, load: Float, now: float, physics: Physics, rng: Generator) -> Float:
    """(devices, channels) in canonical units, before any sensor's fault."""
    rough = np.clip((pumps.bearing - 0.35) / 0.65, 0.0, None) ** 2
    leak = np.clip((pumps.impeller - 0.30) / 0.70, 0.0, None) ** 1.5
    noise = rng.normal(0.0, 1.0, (len(CHANNELS), pumps.count))
    heat = pumps.heat * load**1.5 * (1 + physics.bearing_heat * rough) + 3.0 * leak
    pumps.warm = pumps.warm + (heat - pumps.warm) / 4.0
    pressure = physics.pressure * pumps.pressure * (0.35 + 0.65 * load**2) * (1 - 0.16 * leak) + 0.06 * noise[0]
    flow = physics.flow * pumps.flow * load * (1 - 0.20 * leak) + 0.35 * (1 + 3.0 * leak) * noise[1]
    temperature = _ambient(pumps, now, rng) + physics.ambient + pumps.warm + 0.5 * noise[2]
    shaking = np.maximum(1 + physics.bearing_vibration * rough + 0.5 * leak, 0.2)
    vibration = pumps.vibration * physics.vibration * (0.5 + 0.7 * load) * shaking * np.exp(0.06 * noise[3])
    drag = 1 + physics.bearing_current * rough + 0.10 * leak
    current = pumps.current * (0.3 + 0.7 * load**2) * drag + 0.35 * noise[4]
    return np.stack([pressure, flow, temperature, vibration, current], axis=1)


def _ambient(pumps: Pumps, now: float, rng: Generator) -> Float:
    moment = datetime.fromtimestamp(now, UTC)
    season = 9.0 * np.sin(2 * np.pi * (moment.timetuple().tm_yday - 105) / 365.0)
    daily = 3.0 * np.sin(2 * np.pi * (moment.hour - 9) / 24.0)
    pumps.weather = np.full(pumps.count, 0.98 * pumps.weather[0] + rng.normal(0.0, 0.4))
    ambient: Float = 14.0 + season + daily + pumps.warmth + pumps.weather
    return ambient


def _fail(pumps: Pumps, running: NDArray[np.bool_], now: float, rng: Generator) -> list[tuple[int, float, str]]:
    """Failures come late in the hour: after its row was measured."""
    worn = (pumps.bearing >= pumps.bearing_end) | (pumps.impeller >= pumps.impeller_end)
    failed = np.flatnonzero(running & worn)
    pumps.down[failed] = rng.integers(6, 31, len(failed))
    late = rng.integers(2700, 3600, len(failed))
    return [(int(i), now + float(s), "failure") for i, s in zip(failed, late, strict=True)]


def _repair(pumps: Pumps, now: float, life_h: float, rng: Generator) -> list[tuple[int, float, str]]:
    waiting = pumps.down > 0
    pumps.down = np.maximum(pumps.down - 1, 0.0)
    ready = waiting & (pumps.down <= 0)
    _renew(pumps, ready, life_h, rng)
    return [(int(i), now, "repair") for i in np.flatnonzero(ready)]


def _renew(pumps: Pumps, which: NDArray[np.bool_], life_h: float, rng: Generator) -> None:
    """A fresh bearing and impeller: new wear speeds, new ends, a slightly different sound."""
    count = int(which.sum())
    whole = (1 - np.exp(-GROWTH)) / GROWTH  # damage 0 to 1 takes whole / speed hours at full load
    pumps.bearing[which] = 0.0
    pumps.impeller[which] = 0.0
    pumps.bearing_speed[which] = whole / life_h * np.exp(rng.normal(0.0, 0.30, count))
    pumps.impeller_speed[which] = whole / (1.6 * life_h) * np.exp(rng.normal(0.0, 0.35, count))
    pumps.bearing_end[which] = rng.normal(1.0, 0.02, count)
    pumps.impeller_end[which] = rng.normal(1.0, 0.02, count)
    pumps.vibration[which] *= np.exp(rng.normal(0.0, 0.05, count))
