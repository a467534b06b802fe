"""Every model that passed, as ONNX: float32, int8 where that exists, and which of the two would ship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.decide import decide_batch
from fleetloop_edge.model import OnnxModel
from fleetloop_edge.scale import Scaler
from pipelines.evaluate import ModelDecision
from pipelines.export.quantize import int8_weight_fraction, is_recurrent, operators, to_int8
from pipelines.params import ExportSpec
from pipelines.report.words import label, number, share, size
from pipelines.train import Model, Windows

Precision = Literal["float32", "int8"]
CHUNK = 4096
Score = NDArray[np.float32]


@dataclass(frozen=True)
class Difference:
    """How far scores and decisions of two forms of a model lie apart."""

    rms: float  # score units
    max: float
    flipped: float  # share of rows with another decision


@dataclass(frozen=True)
class Exported:
    """One model in all its forms. graphs: precision -> ONNX bytes; calibration: precision -> (n,) scores."""

    name: str
    kind: str
    inputs: Literal["features", "sequence"]
    scaler: Scaler | None
    learnt: ModelDecision
    graphs: dict[Precision, bytes]
    calibration: dict[Precision, Score]
    difference: Difference | None  # int8 against float32, calibration side; None: there is no int8 form
    precision: Precision  # of the form that would ship
    reason: str
    weight_fraction: dict[Precision, float]
    operators: dict[Precision, dict[str, int]]

    @property
    def size(self) -> int:
        """Bytes of the form that would ship."""
        return len(self.graphs[self.precision])


def export_model(
    name: str,
    model: Model,
    learnt: ModelDecision,
    calibration: Windows,
    fresh: NDArray[np.bool_],
    abstain: NDArray[np.bool_],
    limits: ExportSpec,
) -> Exported:
    """The model's graphs and the precision that ships, decided on the calibration side alone.

    fresh, abstain: (n,) of the calibration windows, as `decide_batch` takes them.
    """
    protos: dict[Precision, Any] = {"float32": model.to_onnx()}
    if is_recurrent(protos["float32"]):
        protos["int8"] = to_int8(protos["float32"])
    graphs = {p: proto.SerializeToString(deterministic=True) for p, proto in protos.items()}
    scores = {p: predict(data, model.inputs, model.scaler, calibration) for p, data in graphs.items()}
    difference = None
    if "int8" in graphs:
        difference = differ(scores["float32"], scores["int8"], learnt, fresh, abstain)
    precision, reason = choose_precision(graphs, difference, learnt.decision.unit, limits)
    return Exported(
        name,
        model.kind,
        model.inputs,
        model.scaler,
        learnt,
        graphs,
        scores,
        difference,
        precision,
        reason,
        {p: int8_weight_fraction(proto) for p, proto in protos.items()},
        {p: dict(sorted(operators(proto).items())) for p, proto in protos.items()},
    )


def predict(graph: bytes, inputs: str, scaler: Scaler | None, windows: Windows) -> Score:
    """(n,) answers of a graph over windows, in bounded memory."""
    model = OnnxModel(graph)
    out = np.empty(len(windows), dtype=np.float32)
    for first in range(0, len(windows), CHUNK):
        which = np.arange(first, min(first + CHUNK, len(windows)))
        out[which] = model.predict(model_inputs(inputs, scaler, windows, which))
    return out


def model_inputs(inputs: str, scaler: Scaler | None, windows: Windows, which: NDArray[np.integer]) -> Score:
    """What a graph is fed for windows `which`: (k, F) raw features, or (k, steps, I) scaled."""
    if inputs == "sequence" and scaler is not None:
        return windows.gather(which, scaler)
    table: Score = windows.features[windows.end[which]]
    return table


def differ(
    one: Score, other: Score, learnt: ModelDecision, fresh: NDArray[np.bool_], abstain: NDArray[np.bool_]
) -> Difference:
    """Compare two forms' scores (n,) of the same rows, and the decisions that follow from them."""
    apart = one.astype(np.float64) - other.astype(np.float64)
    flipped = decide_batch(learnt.decision, one, fresh, abstain) != decide_batch(learnt.decision, other, fresh, abstain)
    return Difference(float(np.sqrt(np.mean(apart**2))), float(np.abs(apart).max()), float(flipped.mean()))


def choose_precision(
    graphs: Mapping[Precision, bytes], difference: Difference | None, unit: str, limits: ExportSpec
) -> tuple[Precision, str]:
    """int8 if it stays within the limits of params.yaml on the calibration side, else float32; and why."""
    if difference is None:
        return "float32", "int8 conversion exists for recurrent models (GRU, LSTM) only"
    units = f" {unit}" if unit else ""
    error = f"score error {number(difference.rms)}{units} rms"
    flipped = f"{share(difference.flipped)} of the decisions flipped"
    if difference.rms > limits.int8_score_error_max:
        return "float32", f"int8 refused: {error} on the calibration side, above {limits.int8_score_error_max:g}{units}"
    if difference.flipped > limits.int8_decisions_flipped_max:
        most = share(limits.int8_decisions_flipped_max)
        return "float32", f"int8 refused: {flipped} on the calibration side, above {most}"
    sizes = f"{size(len(graphs['int8']))} instead of {size(len(graphs['float32']))}"
    return "int8", f"{sizes}; {error}, {flipped} on the calibration side; weights only, arithmetic is float32"


def named(model: Exported) -> str:
    return label(model.kind)
