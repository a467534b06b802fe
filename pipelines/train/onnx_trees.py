"""LightGBM's trees as one ai.onnx.ml TreeEnsemble (version 5), float32, answering as LightGBM does.

LightGBM compares in float64, the graph in float32. For a float32 feature x and a float64 threshold t, x <= t exactly
when x <= t rounded down to float32; rounding to nearest would send rows that lie on a threshold the wrong way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from pipelines.errors import DataError
from pipelines.train.model import Answer
from pipelines.train.onnx_graph import INPUT, OPSET, answer_nodes, constant, graph_model

LESS_OR_EQUAL, SUM, NO_TRANSFORM = 0, 1, 0
ML_DOMAIN = "ai.onnx.ml"


def round_down(threshold: float) -> np.float32:
    """The largest float32 that is not above `threshold`."""
    near = np.float32(threshold)
    return near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf))


def trees_graph(trees: list[dict[str, Any]], columns: list[int], width: int, answer: Answer) -> onnx.ModelProto:
    """The graph of `Booster.dump_model()["tree_info"]` over x (n, width). columns: of x, that the trees know by number.

    Raises DataError on a split that is not numeric.
    """
    nodes = _Nodes()
    roots = [nodes.add_tree(tree["tree_structure"]) for tree in trees]
    ensemble = helper.make_node(
        "TreeEnsemble",
        [INPUT],
        ["raw"],
        domain=ML_DOMAIN,
        aggregate_function=SUM,
        post_transform=NO_TRANSFORM,
        n_targets=1,
        tree_roots=roots,
        nodes_modes=constant("modes", [LESS_OR_EQUAL] * len(nodes.feature), np.uint8),
        nodes_splits=constant("splits", nodes.split),
        nodes_featureids=[columns[i] for i in nodes.feature],
        nodes_truenodeids=nodes.true,
        nodes_trueleafs=nodes.true_is_leaf,
        nodes_falsenodeids=nodes.false,
        nodes_falseleafs=nodes.false_is_leaf,
        nodes_missing_value_tracks_true=nodes.missing_true,
        leaf_targetids=[0] * len(nodes.leaf),
        leaf_weights=constant("weights", nodes.leaf),
    )
    end, constants = answer_nodes(answer, "raw")
    return graph_model([ensemble, *end], constants, [width], {"": OPSET, ML_DOMAIN: 5})


@dataclass
class _Nodes:
    """Parallel lists, as the operator wants them: inner nodes and leaves are numbered apart."""

    feature: list[int] = field(default_factory=list)
    split: list[np.float32] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    true_is_leaf: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    false_is_leaf: list[int] = field(default_factory=list)
    missing_true: list[int] = field(default_factory=list)
    leaf: list[float] = field(default_factory=list)

    def add_tree(self, structure: dict[str, Any]) -> int:
        """Add a tree; the number of its root. A tree that never splits asks a question with one answer."""
        if "leaf_value" not in structure:
            return self._add(structure)[0]
        leaf, _ = self._add(structure)
        root = self._inner(0, np.float32(0.0), 0)
        self.true[root] = self.false[root] = leaf
        self.true_is_leaf[root] = self.false_is_leaf[root] = 1
        return root

    def _add(self, structure: dict[str, Any]) -> tuple[int, int]:
        """Number of the node or leaf, and 1 if it is a leaf. Depth is bounded by the number of leaves in params."""
        if "leaf_value" in structure:
            self.leaf.append(structure["leaf_value"])
            return len(self.leaf) - 1, 1
        if structure["decision_type"] != "<=":
            raise DataError(f"a LightGBM split by {structure['decision_type']!r} has no ONNX form here; use numbers")
        node = self._inner(
            structure["split_feature"], round_down(structure["threshold"]), _missing_goes_left(structure)
        )
        self.true[node], self.true_is_leaf[node] = self._add(structure["left_child"])
        self.false[node], self.false_is_leaf[node] = self._add(structure["right_child"])
        return node, 0

    def _inner(self, feature: int, split: np.float32, missing_true: int) -> int:
        self.feature.append(feature)
        self.split.append(split)
        self.missing_true.append(missing_true)
        for unset in (self.true, self.true_is_leaf, self.false, self.false_is_leaf):
            unset.append(0)
        return len(self.feature) - 1


def _missing_goes_left(structure: dict[str, Any]) -> int:
    """Where a split saw no missing value in training, LightGBM later takes one for 0."""
    if structure["missing_type"] == "NaN":
        return int(structure["default_left"])
    return int(structure["threshold"] >= 0.0)


__all__ = ["round_down", "trees_graph"]
