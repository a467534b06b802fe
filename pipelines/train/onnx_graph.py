"""What all our ONNX graphs share: names, versions, and the step from raw output to answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from pipelines.train.model import Answer

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT, BATCH = "x", "score", "n"


def constant(name: str, value: ArrayLike, dtype: type = np.float32) -> onnx.TensorProto:
    """A named constant of the graph."""
    return numpy_helper.from_array(np.ascontiguousarray(value, dtype=dtype), name)


def answer_nodes(answer: Answer, raw: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes from `raw` (n, 1) to the score: logistic for a binary task, cut to the bounds otherwise."""
    if answer.binary:
        return [helper.make_node("Sigmoid", [raw], [OUTPUT])], []
    if answer.low is None and answer.high is None:
        return [helper.make_node("Identity", [raw], [OUTPUT])], []
    bounds = {"low": answer.low, "high": answer.high}
    inputs = [name if value is not None else "" for name, value in bounds.items()]
    constants = [constant(name, value) for name, value in bounds.items() if value is not None]
    return [helper.make_node("Clip", [raw, *inputs], [OUTPUT])], constants


def graph_model(
    nodes: Sequence[onnx.NodeProto],
    constants: Sequence[onnx.TensorProto],
    shape: Sequence[int],
    opsets: dict[str, int] | None = None,
) -> onnx.ModelProto:
    """A checked model from x (n, *shape) float32 to score (n, 1) float32."""
    graph = helper.make_graph(
        list(nodes),
        "fleetloop",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, *shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [BATCH, 1])],
        list(constants),
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in (opsets or {"": OPSET}).items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="fleetloop")
    onnx.checker.check_model(model)
    return model
