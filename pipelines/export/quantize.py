"""Weight-only int8 for recurrent models: rows of W and R as int8, through DequantizeLinear, into the fused operator.

onnxruntime has no integer GRU and only a dynamic int8 LSTM that saturates on older CPUs; its quantizer leaves a GRU
as it is and says nothing. This form is a third of the size on every CPU; the arithmetic stays float32, so it gains
no speed. Trees are not converted: their thresholds and leaves would have to be coded anew.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

RECURRENT = ("GRU", "LSTM")
WEIGHTS = (1, 2)
"""Inputs W and R of the fused operators: [1, gates x hidden, columns]."""


def is_recurrent(model: onnx.ModelProto) -> bool:
    """Whether the graph has an operator that `to_int8` converts."""
    return any(node.op_type in RECURRENT for node in model.graph.node)


def to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with W and R of each GRU or LSTM as int8 and one scale a row. Biases and head stay float32.

    Raises ValueError if the graph has none of them, or if the result does not hold what it should: converters that
    do nothing do it silently.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    names = [node.input[i] for node in made.graph.node if node.op_type in RECURRENT for i in WEIGHTS]
    if not names:
        raise ValueError(f"the graph has no {' or '.join(RECURRENT)}: {dict(operators(model))}")
    held = {tensor.name: tensor for tensor in made.graph.initializer}
    nodes = []
    for name in names:
        values, scale = quantized_rows(numpy_helper.to_array(held[name]))
        made.graph.initializer.remove(held[name])
        made.graph.initializer.extend(
            [numpy_helper.from_array(values, f"{name}_q"), numpy_helper.from_array(scale, f"{name}_scale")]
        )
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", f"{name}_scale"], [name], axis=1))
    rest = list(made.graph.node)
    del made.graph.node[:]
    made.graph.node.extend([*nodes, *rest])
    onnx.checker.check_model(made)
    _assert_int8(model, made, names)
    return made


def quantized_rows(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 values [1, rows, columns] and a scale a row: the largest weight of a row becomes 127."""
    largest = np.abs(weights).max(axis=2)[0]
    scale = np.where(largest > 0, largest / 127.0, 1.0).astype(np.float32)
    return np.clip(np.rint(weights / scale[None, :, None]), -127, 127).astype(np.int8), scale


def operators(model: onnx.ModelProto) -> Counter[str]:
    """How many of each operator type the graph has."""
    return Counter(node.op_type for node in model.graph.node)


def int8_weight_fraction(model: onnx.ModelProto) -> float:
    """Share of the learnt numbers (weights, biases; no scales, no axes) that are stored as int8."""
    counted = {TensorProto.FLOAT: 0, TensorProto.INT8: 0}
    for tensor in model.graph.initializer:
        if tensor.data_type in counted and not tensor.name.endswith("_scale"):
            counted[tensor.data_type] += int(np.prod(tensor.dims))
    total = sum(counted.values())
    return round(counted[TensorProto.INT8] / total, 6) if total else 0.0


def _assert_int8(before: onnx.ModelProto, after: onnx.ModelProto, names: list[str]) -> None:
    expected = operators(before) + Counter({"DequantizeLinear": len(names)})
    if operators(after) != expected:
        raise ValueError(f"int8 conversion made operators {dict(operators(after))}, expected {dict(expected)}")
    held = {tensor.name: tensor.data_type for tensor in after.graph.initializer}
    floats = [name for name in names if name in held or held.get(f"{name}_q") != TensorProto.INT8]
    if floats:
        raise ValueError(f"int8 conversion left {floats[0]} as float")
    if after.ByteSize() >= before.ByteSize():
        raise ValueError(f"int8 conversion grew the model from {before.ByteSize()} to {after.ByteSize()} bytes")
