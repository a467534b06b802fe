"""Fleets for the trigger: autocorrelated device windows, and a whole small checkout with its reference and a log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from fleetloop_edge.bundle import load
from fleetloop_edge.spec import to_dict
from pipelines.features import build_grid
from pipelines.files import Place, write_json, write_table
from pipelines.watch.decide import by_batch
from pipelines.watch.field_log import NONE_REJECTED
from pipelines.watch.windows import DeviceWindows, Statistic
from tests.builders.bundles import CHANNELS, DECISION, FEATURES, entry, write_bundle

CHANNEL_COUNT = 8
STATISTICS = tuple(
    Statistic(f"c{c}.{kind}", "input", "healthy", robust=True, floor=1e-3)
    for kind in ("level", "spread")
    for c in range(CHANNEL_COUNT)
)


def ar(rng: np.random.Generator, rho: float, *shape: int) -> NDArray[np.float64]:
    """(..., time, channels) stationary AR(1) of variance 1."""
    noise = rng.normal(size=shape) * np.sqrt(1 - rho**2)
    noise[..., 0, :] = rng.normal(size=(*shape[:-2], shape[-1]))
    series: NDArray[np.float64] = lfilter([1.0], [1.0, -rho], noise, axis=-2)
    return series


def ar_windows(
    rng: np.random.Generator,
    devices: int,
    count: int,
    rows: int,
    first: int = 0,
    shift: float = 0.0,
    ramp: float = 0.0,
    apart: float = 0.0,
    tag: str = "d",
    rho: float = 0.98,
) -> DeviceWindows:
    """`count` windows of `rows` rows of AR devices that lie `apart` sd from each other; shift and ramp on channel 0."""
    series = ar(rng, rho, devices, count * rows, CHANNEL_COUNT) + apart * rng.normal(size=(devices, 1, CHANNEL_COUNT))
    series[:, :, 0] += shift + np.linspace(0.0, ramp, count * rows)
    cut = series.reshape(devices, count, rows, CHANNEL_COUNT)
    values = np.concatenate([cut.mean(axis=2), np.log(cut.std(axis=2))], axis=2)
    fine = np.ones((devices, count), dtype=np.bool_)
    names = tuple(f"{tag}{i}" for i in range(devices))
    return DeviceWindows(names, STATISTICS, values, first, fine, fine, np.full((devices, count), np.inf))


def pump_rows(devices: int, hours: int, start: str, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Hourly rows of pressure and flow, AR(.9) around each device's own level; shift in sd of pressure."""
    rng = np.random.default_rng(seed)
    level = np.random.default_rng(9).normal(size=(devices, 1, 2)) * [0.3, 1.0]
    values = ar(rng, 0.9, devices, hours, 2) * [0.5, 2.0] + [6.0 + 0.5 * shift, 30.0] + level
    values[rng.random(values.shape) < 0.01] = np.nan
    time = pd.date_range(start, periods=hours, freq="h", tz="UTC").as_unit("us") + pd.Timedelta(minutes=7)
    frame = pd.DataFrame({"device": np.repeat([f"pump-{d:02d}" for d in range(devices)], hours)})
    frame["time"] = np.tile(time, devices)
    frame["time"] = frame["time"].astype("datetime64[us, UTC]")
    frame["received"] = frame["time"] + pd.Timedelta(seconds=20)
    return frame.assign(pressure=values[..., 0].ravel().astype(np.float32), flow=values[..., 1].ravel().astype("f4"))


def watched_checkout(root: Path, hours: int = 960) -> tuple[Place, Path]:
    """A checkout whose use case `pumps` went as far as evaluate, and its bundle; twelve calibration devices."""
    place, rule = Place(root), replace(DECISION, threshold=0.99)
    models = {
        "sequence": entry("sequence.onnx", "sequence", decision=rule),
        "baseline": entry("baseline.onnx", "features", decision=rule),
    }
    bundle = write_bundle(root / "bundle", models=models)
    (root / "params.yaml").write_text(_PARAMS)
    rows = pump_rows(12, hours, "2026-01-01")
    grid = build_grid(rows, NONE_REJECTED, FEATURES, CHANNELS)
    folder = place.room("pumps", "features")
    write_table(folder / "grid" / "bucket=0.parquet", grid)
    write_json(folder / "spec.json", to_dict(FEATURES))
    known = grid[["device", "time"]].assign(life=np.inf, ahead=np.inf, target=np.float32(0), healthy=True, valid=False)
    write_table(place.room("pumps", "split") / "targets.parquet", known.assign(side="calibration"))
    decided = by_batch(load(bundle), rows)
    scored = grid[grid["run"] >= FEATURES.min_rows].reset_index(drop=True)
    predictions = scored[["device", "time", "segment"]].assign(
        side="calibration", missing=np.float32(0), life=np.inf, target=np.float32(0), healthy=True
    )
    for name in ("naive", "baseline", "sequence"):
        predictions[name] = np.array([d.score for d in decided], dtype=np.float32)
    write_table(place.room("pumps", "evaluate") / "predictions.parquet", predictions)
    learnt: dict[str, Any] = {"kind": "linear", "interval": 0.1, "decision": to_dict(rule), "calibration": {}}
    write_json(place.room("pumps", "evaluate") / "decisions.json", dict.fromkeys(("baseline", "sequence"), learnt))
    return place, bundle


_PARAMS = """
active: {datasets: [plant], use_cases: {pumps: {dataset: plant}}}
datasets:
  plant:
    title: two channels
    period_s: 3600
    channels: {pressure: {unit: bar, min: 0, max: 16}, flow: {unit: l/s, min: 0, max: 80}}
    sources:
      plant: {files: "*.jsonl", device: "{d}", time: {field: t}, channels: {pressure: {field: p}}}
use_cases:
  pumps:
    title: small
    dataset: plant
    task: {kind: failure_within_horizon, horizon: 12, healthy_beyond: 24}
    features: {fill: 2, age: false, missing: false, min_rows: 2, sequence: {steps: 4, inputs: [value]}}
    evaluate: {gates: []}
    export: {int8_score_error_max: 0.1}
    watch: {window: 72, nominal: 0.05, k: 2, m: 3}
"""
