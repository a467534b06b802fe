"""Small bundles that obey the format: a linear model over the last row's features, or over a sequence's last step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fleetloop_edge import bundle as edge_bundle
from fleetloop_edge.bundle import GOLDEN, MANIFEST, Manifest, ModelEntry, file_entry, golden_bytes
from fleetloop_edge.features import feature_names, input_columns
from fleetloop_edge.mapping import FieldMap, SourceMap, TimeMap
from fleetloop_edge.model import OnnxModel
from fleetloop_edge.scale import Scaler
from fleetloop_edge.spec import Channel, DecisionSpec, FeatureSpec, Sequence, spec_hash

FEATURES = FeatureSpec(
    ("pressure", "flow"), 3600.0, fill=2, age=False, missing=False, min_rows=2, sequence=Sequence(4, ("value",))
)
CHANNELS = (Channel("pressure", "bar", 0.0, 16.0), Channel("flow", "l/s", 0.0, 80.0))
DECISION = DecisionSpec("inspect", "above", 0.5, 2, "failure within 48 hours", "", 0.4, 0.8)


def linear_table(weights: np.ndarray, bias: float = 0.0) -> onnx.ModelProto:
    """score = sigmoid(x @ weights + bias) of x (n, F); a missing feature counts as 0."""
    width = len(weights)
    nodes = [
        helper.make_node("IsNaN", ["x"], ["nan"]),
        helper.make_node("Where", ["nan", "zero", "x"], ["clean"]),
        helper.make_node("Gemm", ["clean", "w", "b"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["score"]),
    ]
    return _model(nodes, {"zero": np.zeros(()), "w": weights.reshape(width, 1), "b": np.array([bias])}, [width])


def linear_steps(weights: np.ndarray, steps: int, bias: float = 0.0) -> onnx.ModelProto:
    """score = sigmoid(last step @ weights + bias) of x (n, steps, I)."""
    nodes = [
        helper.make_node("Gather", ["x", "last"], ["end"], axis=1),
        helper.make_node("Gemm", ["end", "w", "b"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["score"]),
    ]
    constants = {"last": np.array(steps - 1), "w": weights.reshape(-1, 1), "b": np.array([bias])}
    return _model(nodes, constants, [steps, len(weights)])


def _model(nodes: list[Any], constants: dict[str, np.ndarray], shape: list[int]) -> onnx.ModelProto:
    kept = [
        numpy_helper.from_array(np.asarray(v, dtype=np.int64 if k == "last" else np.float32), k)
        for k, v in constants.items()
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        kept,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def entry(file: str, inputs: str, **changes: Any) -> ModelEntry:
    made = ModelEntry("linear", file, inputs, "float32", 0.0, 0.0, "a test model", DECISION, 0.2)
    return replace(made, **changes)


def vendor_source() -> SourceMap:
    """A SenML source in Pa and l/s, as pump 17 sends it."""
    fields = {"pressure": FieldMap("pressure", 1e-5), "flow": FieldMap("flow")}
    return SourceMap("plant", "senml", "{device}", TimeMap("t", "epoch_s"), None, 0.0, fields)


def write_bundle(folder: Path, **changes: Any) -> Path:
    """A bundle with a sequence model as primary and a table model as fallback; `changes` go into the manifest."""
    spec: FeatureSpec = changes.get("features", FEATURES)
    width, inputs = len(feature_names(spec)), len(input_columns(spec))
    models = {
        "sequence": linear_steps(np.linspace(0.5, 1.0, inputs), spec.sequence.steps),
        "baseline": linear_table(np.linspace(0.1, 0.2, width)),
    }
    files = {f"{name}.onnx": model.SerializeToString() for name, model in models.items()}
    files[GOLDEN] = _golden(files, spec.sequence.steps, width, inputs)
    fields: dict[str, Any] = {
        "format": edge_bundle.FORMAT,
        "use_case": "pumps",
        "task": {"kind": "failure_within_horizon", "horizon": 48},
        "channels": CHANNELS,
        "features": spec,
        "features_hash": spec_hash(spec),
        "scaler": Scaler((6.0, 30.0), (1.0, 5.0)),
        "sources": {"plant": vendor_source()},
        "primary": "sequence",
        "fallback": "baseline",
        "models": {"sequence": entry("sequence.onnx", "sequence"), "baseline": entry("baseline.onnx", "features")},
        "files": {name: file_entry(data) for name, data in files.items()},
        "params_hash": "p",
        "data_hash": "d",
        "code_hash": "c",
        "metrics": {},
    } | changes
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST).write_bytes(Manifest(**fields).to_bytes())
    return folder


def _golden(files: dict[str, bytes], steps: int, width: int, inputs: int) -> bytes:
    rng = np.random.default_rng(0)
    shapes = {"sequence": (3, steps, inputs), "baseline": (3, width)}
    arrays = {f"{name}.x": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    scores = {f"{n}.score": OnnxModel(files[f"{n}.onnx"]).predict(arrays[f"{n}.x"]) for n in shapes}
    return golden_bytes(arrays | scores)
