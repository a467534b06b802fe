"""GRU and LSTM as ONNX's fused operators, written node by node: an exporter's graph is larger and resists int8."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from pipelines.train.model import Answer
from pipelines.train.onnx_graph import INPUT, answer_nodes, constant, graph_model
from pipelines.train.recurrent import Weights

GATES: dict[str, tuple[int, ...]] = {"gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
"""torch's gate that stands at each place of ONNX: GRU r,z,n → z,r,h; LSTM i,f,g,o → i,o,f,c."""


def recurrent_graph(
    kind: Literal["gru", "lstm"], layers: int, weights: Weights, steps: int, answer: Answer
) -> onnx.ModelProto:
    """x (n, steps, I), scaled → score (n, 1). Constants: W0, R0, B0 (one set a layer), head_W, head_B."""
    width = weights["rnn.weight_ih_l0"].shape[1]
    nodes = [helper.make_node("Transpose", [INPUT], ["in0"], perm=[1, 0, 2])]
    constants = [constant("axis1", [1], np.int64), constant("axis0", [0], np.int64)]
    for layer in range(layers):
        nodes += _layer_nodes(kind, layer, layer == layers - 1, weights[f"rnn.weight_hh_l{layer}"].shape[1])
        constants += _layer_constants(kind, layer, weights)
    nodes.append(helper.make_node("Squeeze", ["last", "axis0"], ["state"]))
    nodes.append(helper.make_node("Gemm", ["state", "head_W", "head_B"], ["raw"], transB=1))
    constants += [constant("head_W", weights["head.weight"]), constant("head_B", weights["head.bias"])]
    end, bounds = answer_nodes(answer, "raw")
    return graph_model([*nodes, *end], [*constants, *bounds], [steps, width])


def _layer_nodes(kind: str, layer: int, last: bool, hidden: int) -> list[onnx.NodeProto]:
    """The fused operator; the last layer gives its last state, the others all states to the next layer."""
    outputs = ["", "last"] if last else [f"states{layer}"]
    extra = {"linear_before_reset": 1} if kind == "gru" else {}
    inputs = [f"in{layer}", f"W{layer}", f"R{layer}", f"B{layer}"]
    fused = helper.make_node(kind.upper(), inputs, outputs, hidden_size=hidden, **extra)
    if last:
        return [fused]
    return [fused, helper.make_node("Squeeze", [f"states{layer}", "axis1"], [f"in{layer + 1}"])]


def _layer_constants(kind: str, layer: int, weights: Weights) -> list[onnx.TensorProto]:
    """W [1, G*H, I], R [1, G*H, H], B [1, 2*G*H] in ONNX's order of gates."""
    w, r, b_w, b_r = (
        _reordered(kind, weights[f"rnn.{part}_l{layer}"]) for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return [
        constant(f"W{layer}", w[None]),
        constant(f"R{layer}", r[None]),
        constant(f"B{layer}", np.concatenate([b_w, b_r])[None]),
    ]


def _reordered(kind: str, stacked: NDArray[np.float32]) -> NDArray[np.float32]:
    gates = np.split(stacked, len(GATES[kind]))
    return np.concatenate([gates[i] for i in GATES[kind]])
