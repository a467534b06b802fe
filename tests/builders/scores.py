"""Scored rows of a small fleet, as evaluate writes them, and the question they answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.evaluate.judgement import Question
from pipelines.params import DecisionParams, EvaluateSpec, GateSpec
from pipelines.tasks import FailureWithinHorizon, RemainingUsefulLife

GATES = (GateSpec(metric="log_loss", against="naive", factor=0.9),)


def scored_fleet(devices: int = 4, length: int = 120, binary: bool = True, seed: int = 0) -> pd.DataFrame:
    """Two sides of devices that run to failure. sequence knows more than baseline, naive nothing.

    Where remaining life is asked, the test devices' histories stop short of the failure.
    """
    rng = np.random.default_rng(seed)
    parts = [
        _device(f"{side}-{i}", side, length, binary, rng) for side in ("calibration", "test") for i in range(devices)
    ]
    return pd.concat(parts, ignore_index=True)


def _device(name: str, side: str, length: int, binary: bool, rng: np.random.Generator) -> pd.DataFrame:
    short = 0 if binary or side == "calibration" else int(rng.integers(5, 40))
    life = np.arange(length - 1, short - 1, -1.0)
    length = len(life)
    near = 1.0 / (1.0 + np.exp((life - 24.0) / 4.0)) if binary else np.minimum(life, 60.0)
    spread = 0.05 if binary else 3.0
    frame = pd.DataFrame(
        {
            "device": name,
            "time": pd.date_range("2026-01-01", periods=length, freq="h", tz="UTC"),
            "side": side,
            "segment": 0,
            "missing": 0.0,
            "life": life,
            "target": (life <= 24).astype(float) if binary else near,
            "healthy": life > 60,
            "naive": 0.2 if binary else 30.0,
        }
    )
    for model, noise in (("baseline", 2 * spread), ("sequence", spread)):
        frame[model] = np.clip(near + rng.normal(0, noise, length), 0.0, 1.0 if binary else 60.0)
    return frame.astype(dict.fromkeys(("target", "missing", "naive", "baseline", "sequence"), "float32"))


def question(binary: bool = True, gates: Sequence[GateSpec] = GATES, **decision: object) -> Question:
    """What the fleet above is asked: failure within 24 hours, or remaining life."""
    task = FailureWithinHorizon(horizon=24, healthy_beyond=60) if binary else RemainingUsefulLife(cap=60)
    costs = DecisionParams(**({"consecutive": 2, "lead": 6, "cost_early": 5} | decision))
    slices = ("vendor", "target")
    judged = EvaluateSpec(gates=tuple(gates), slices=slices, bootstrap=100)
    return Question("pumps", "Pumps that will fail", task, judged, costs, 3600.0, 0)


def fleet_devices(scores: pd.DataFrame) -> pd.DataFrame:
    """A devices table: vendors a and b in turn."""
    names = scores["device"].unique()
    born = pd.Timestamp("2025-01-01", tz="UTC")
    vendors = ["ab"[i % 2] for i in range(len(names))]
    return pd.DataFrame({"device": names, "from": born, "site": "s", "vendor": vendors, "firmware": "1", "side": None})


KINDS = {"naive": "naive", "baseline": "lightgbm", "sequence": "gru"}
