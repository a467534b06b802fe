"""How long one answer takes here: measured, so it goes beside the DVC outputs, never into one."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.model import OnnxModel
from pipelines.export.graphs import Exported

CALLS, WARM_UP = 600, 50


def measure(
    exported: Mapping[str, Exported], inputs: Mapping[str, NDArray[np.float32]], row_us: float
) -> dict[str, Any]:
    """p50 and p95 of single answers in microseconds, of each form of each model: batch 1, one thread.

    inputs: model -> (k, ...) inputs to go round. row_us: mean of a whole row through all steps and all these forms.
    """
    models = {
        name: {precision: _one(OnnxModel(graph), inputs[name]) for precision, graph in model.graphs.items()}
        for name, model in exported.items()
    }
    return {"machine": platform.machine(), "row_us": round(row_us, 1), "models": models}


def _one(model: OnnxModel, inputs: NDArray[np.float32]) -> dict[str, float]:
    took = np.empty(CALLS + WARM_UP)
    for i in range(len(took)):
        x = inputs[i % len(inputs)][None]
        began = time.perf_counter_ns()
        model.predict(x)
        took[i] = time.perf_counter_ns() - began
    p50, p95 = np.quantile(took[WARM_UP:], [0.5, 0.95]) / 1000.0
    return {"p50_us": round(float(p50), 1), "p95_us": round(float(p95), 1)}
