"""The naive answers as ONNX graphs, so that they can be a bundle's fallback like any model."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from pipelines.train.model import Answer
from pipelines.train.onnx_graph import INPUT, answer_nodes, constant, graph_model


def constant_graph(value: float, width: int) -> onnx.ModelProto:
    """x (n, width) → the same value for every row."""
    nodes = [
        helper.make_node("Shape", [INPUT], ["rows"], start=0, end=1),
        helper.make_node("Concat", ["rows", "one"], ["shape"], axis=0),
        helper.make_node("Expand", ["value", "shape"], ["score"]),
    ]
    return graph_model(nodes, [constant("value", value), constant("one", [1], np.int64)], [width])


def life_less_age_graph(life: float, low: float, high: float, age_column: int, width: int) -> onnx.ModelProto:
    """x (n, width) → life less the age in column `age_column`, kept within low..high."""
    nodes = [
        helper.make_node("Gather", [INPUT, "column"], ["age"], axis=1),
        helper.make_node("Sub", ["life", "age"], ["left"]),
    ]
    end, bounds = answer_nodes(Answer(False, low, high), "left")
    constants = [constant("column", [age_column], np.int64), constant("life", life), *bounds]
    return graph_model([*nodes, *end], constants, [width])
