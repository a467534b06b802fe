"""Tiny seeded windows: a few devices that wear, with an answer that their features tell."""

from __future__ import annotations

import numpy as np

from fleetloop_edge.features import feature_names, input_columns
from fleetloop_edge.spec import FeatureSpec, Sequence, Trailing
from pipelines.params import LightGBMSpec, RecurrentSpec, TrainSpec
from pipelines.tasks import FailureWithinHorizon, RemainingUsefulLife, Task
from pipelines.train import Held, Windows

SPEC = FeatureSpec(
    channels=("heat", "noise"),
    period_s=3600.0,
    trailing=(Trailing(("mean",), (4,)),),
    missing=False,
    sequence=Sequence(steps=6, inputs=("value", "age"), pad="first"),
)

TRAIN = TrainSpec(
    seed=3,
    baseline=LightGBMSpec(trees=12, leaves=6, learning_rate=0.2, min_leaf=5),
    sequence=RecurrentSpec(hidden=6, layers=1, steps=50, batch=32, learning_rate=0.02, loss_steps=3, average=0.8),
)

TASKS: dict[str, Task] = {"life": RemainingUsefulLife(cap=30), "failure": FailureWithinHorizon(horizon=8)}


def tiny_windows(
    task: Task, seed: int = 0, devices: int = 6, rows: int = 40, spec: FeatureSpec = SPEC, missing: float = 0.05
) -> Windows:
    """`devices` histories of about `rows` rows that run to failure, towards which `heat` rises; some values miss."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(rows // 2, rows + 1, size=devices)
    device = np.repeat(np.arange(devices, dtype=np.int32), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    place = np.arange(len(device), dtype=np.int64)
    age = (place - first + 1).astype(np.float32)
    life = (np.repeat(lengths, lengths) - age).astype(np.float64)
    channels = rng.normal(size=(len(device), 2)) + np.stack([20.0 / (life + 4.0), np.zeros(len(device))], axis=1)
    channels[rng.random(channels.shape) < missing] = np.nan
    parts = (channels[max(f, p - 3) : p + 1] for f, p in zip(first, place, strict=True))
    smooth = np.stack([np.nansum(part, axis=0) / np.maximum(np.isfinite(part).sum(axis=0), 1) for part in parts])
    names = feature_names(spec)
    features = np.concatenate([channels, age[:, None], smooth], axis=1).astype(np.float32)
    columns = input_columns(spec)
    return Windows(
        source=Held(features, features[:, columns]),
        end=place,
        start=first,
        row=place,
        target=task.target(life, np.full(len(life), np.inf)),
        life=life,
        age=age,
        device=device,
        devices=tuple(f"device-{i}" for i in range(devices)),
        names=names,
        input_names=tuple(names[i] for i in columns),
        spec=spec,
    )
