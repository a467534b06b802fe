"""Seeded telemetry of small fleets, as rows on the device and as a table; and the device's walk over it."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.features import FeatureState, feature_names
from fleetloop_edge.grid import GridState, Slot
from fleetloop_edge.rows import Row
from fleetloop_edge.spec import Channel, Derived, FeatureSpec, Sequence, Spectral, Spike, Statistic, Trailing

PERIOD = 60.0
START = 1_700_000_040.0  # a whole number of periods
ALL_STATS: tuple[Statistic, ...] = ("mean", "std", "min", "max", "range", "slope", "delta")
CHANNELS = (Channel("pressure", "bar", 0.0, 20_000.0), Channel("flow", "l/s", -5.0, 5.0))
SPEC = FeatureSpec(
    channels=("pressure", "flow"),
    period_s=PERIOD,
    fill=2,
    late_s=90.0,
    spike=Spike(window=5, sigmas=4.0, floor=0.0001),
    trailing=(Trailing(ALL_STATS, (3, 8)), Trailing(("mean",), (1, 30))),
    ewma=(0.3, 0.02),
    baseline_rows=4,
    sequence=Sequence(steps=6, inputs=("value", "deviation", "ewma", "missing", "age")),
)

EVERYTHING = replace(
    SPEC,
    derived=(Derived("head", ratio=("pressure", "flow")),),
    trailing=(
        Trailing(typing.get_args(Statistic), (3, 8)),
        Trailing(("mean", "q50"), ("10min",), ("flow",)),
    ),
    spectral=(Spectral(8, ((0.0, 0.2), (0.2, 0.5)), channels=("flow",)), Spectral(11)),
    lags=(1, 4),
    calendar=("day", "week", "year"),
    reset=("maintenance",),
    since=("maintenance", "setpoint"),
)
"""Every kind of feature there is; a test holds it to the catalogue."""


@dataclass(frozen=True)
class Dirt:
    """Shares of rows, or of cells, that something befalls."""

    lost: float = 0.0  # rows
    missing: float = 0.0  # cells
    spikes: float = 0.0  # cells
    delayed: float = 0.0  # rows, by up to five periods
    twice: float = 0.0  # rows that come again with other values
    outages: int = 0  # silences of up to 12 periods
    early: float = 0.0  # rows with a clock far ahead


def device_rows(name: str, count: int, seed: int = 0, dirt: Dirt | None = None) -> list[Row]:
    """`count` periods of one device, drifting around 1e4 (sd .01) and 0 (sd 1), in order of receipt."""
    dirt = dirt or Dirt()
    rng = np.random.default_rng(seed)
    rows = []
    for slot in range(count):
        level = np.array([1e4 + 0.002 * slot + rng.normal(0, 0.01), rng.normal()])
        level[rng.random(2) < dirt.spikes] += 50.0
        level[rng.random(2) < dirt.missing] = np.nan
        time = round(START + slot * PERIOD + rng.uniform(0, PERIOD - 1e-3), 3)
        delay = rng.uniform(0, 5 * PERIOD) if rng.random() < dirt.delayed else rng.uniform(-5, 20)
        clock = 10 * PERIOD if rng.random() < dirt.early else 0.0
        row = Row(name, time + clock, round(time + delay, 3), level.astype(np.float32))
        again = Row(name, time, row.received + 1.0, (level + 0.5).astype(np.float32))
        rows += [row] * (rng.random() >= dirt.lost) + [again] * (rng.random() < dirt.twice)
    for start in rng.integers(0, max(count, 1), dirt.outages):
        low, high = START + start * PERIOD, START + (start + rng.integers(1, 12)) * PERIOD
        rows = [row for row in rows if not low <= row.time < high]
    return sorted(rows, key=lambda row: (row.received, row.time))


def table(rows: Iterable[Row], names: tuple[str, ...] = SPEC.channels) -> pd.DataFrame:
    """Rows as ingest stores them: sorted by device, time, received."""
    kept = list(rows)
    frame = pd.DataFrame({"device": pd.array([row.device for row in kept], dtype="str")})
    for name in ("time", "received"):
        stamps = np.array([round(getattr(row, name) * 1e6) for row in kept], dtype="datetime64[us]")
        frame[name] = pd.DatetimeIndex(stamps).tz_localize("UTC")
    values = np.array([row.values for row in kept], dtype=np.float32).reshape(-1, len(names))
    for c, name in enumerate(names):
        frame[name] = values[:, c]
    return frame.sort_values(["device", "time", "received"], kind="stable", ignore_index=True)


def nothing_rejected() -> pd.DataFrame:
    """The rejected keys of clean data."""
    return table([])[["device", "time"]].assign(rule="")


Happening = tuple[str, float, float]
"""An event of one device: kind, time, received (epoch seconds)."""


def walk(
    rows: Iterable[Row], spec: FeatureSpec = SPEC, events: Iterable[Happening] = ()
) -> tuple[list[Slot], NDArray[np.float32]]:
    """One device's slots and features (n, F), row by row, each event before the first row received after it."""
    grid, state = GridState(spec, CHANNELS), FeatureState(spec)
    slots, waiting = [], sorted(events, key=lambda event: event[2])
    for row in rows:
        while waiting and waiting[0][2] <= row.received:
            grid.event(*waiting.pop(0))
        slots += grid.push(row)
    for event in waiting:
        grid.event(*event)
    slots += grid.flush()
    features = [state.push(slot) for slot in slots]
    return slots, np.array(features, dtype=np.float32).reshape(len(slots), len(feature_names(spec)))


def happenings(seed: int, count: int, most: int = 3) -> list[Happening]:
    """Up to `most` events over `count` periods, some told long after they happened."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rng.integers(0, most + 1)):
        time = round(START + rng.uniform(-5, count + 2) * PERIOD, 3)
        delay = rng.choice([0.0, 30.0, 6 * PERIOD]) * rng.random()
        found.append((str(rng.choice(["maintenance", "setpoint"])), time, round(time + delay, 3)))
    return found


def event_table(events: dict[str, list[Happening]]) -> pd.DataFrame:
    """Events of devices as ingest stores them."""
    told = [(device, *event) for device, of in events.items() for event in of]
    frame = pd.DataFrame(told, columns=["device", "kind", "time", "received"])
    for name in ("time", "received"):
        stamps = np.array([round(at * 1e6) for at in frame[name]], dtype="datetime64[us]")
        frame[name] = pd.DatetimeIndex(stamps).tz_localize("UTC")
    return frame.assign(value=np.nan)


def slots_of(values: NDArray[np.floating], segments: NDArray[np.integer] | None = None) -> list[Slot]:
    """Slots 0, 1, 2 … with values (n, C), all measured where not NaN."""
    cells = np.asarray(values, dtype=np.float32)
    of = np.zeros(len(cells), dtype=np.int64) if segments is None else segments
    return [Slot(i, i * PERIOD, (i + 1) * PERIOD, row, np.isfinite(row), int(of[i])) for i, row in enumerate(cells)]


def fleet(count: int = 24, rows: int = 40, seed: int = 0) -> pd.DataFrame:
    """`count` devices of unlike lives, `rows` rows the longest, as a table."""
    lives = [rows - i % 7 * 4 for i in range(count)]
    devices = [device_rows(f"pump-{i:02d}", life, seed + i, Dirt(missing=0.05)) for i, life in enumerate(lives)]
    return table(row for device in devices for row in device)


def failures(rows: pd.DataFrame, after: float = 0.0) -> pd.DataFrame:
    """Events: every device fails `after` periods past the start of its last slot."""
    last = rows.groupby("device", as_index=False)["time"].max()
    slot = last["time"].dt.floor(f"{PERIOD:g}s") + pd.Timedelta(seconds=after * PERIOD)
    return last.assign(time=slot, received=slot, kind="failure", value=np.nan)
