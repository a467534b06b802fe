"""An ONNX model on the device: shape, names, and what cannot be loaded."""

import numpy as np
import onnx
import pytest

from fleetloop_edge.errors import BundleRejected
from fleetloop_edge.model import OnnxModel
from tests.builders.bundles import linear_steps, linear_table


def test_a_score_a_row_comes_back_flat():
    model = OnnxModel(linear_table(np.array([1.0, -1.0])).SerializeToString())
    np.testing.assert_allclose(model.predict(np.array([[0, 0], [2, 1]], np.float32)), [0.5, 0.7310586], rtol=1e-6)


def test_batch_and_single_rows_give_the_same_scores():
    model = OnnxModel(linear_steps(np.array([1.0, 0.5]), 3).SerializeToString())
    x = np.random.default_rng(0).normal(size=(5, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(model.predict(x), [model.predict(one[None])[0] for one in x], rtol=1e-6)


def test_a_model_is_read_from_a_path_too(tmp_path):
    (tmp_path / "m.onnx").write_bytes(linear_table(np.ones(1)).SerializeToString())
    assert OnnxModel(tmp_path / "m.onnx").predict(np.zeros((1, 1), np.float32)).dtype == np.float32


def test_bytes_that_are_no_graph_are_rejected():
    with pytest.raises(BundleRejected, match="cannot be loaded"):
        OnnxModel(b"not a graph")


def test_a_graph_with_other_names_is_rejected():
    model = linear_table(np.ones(1))
    model.graph.output[0].name = model.graph.node[-1].output[0] = "label"
    onnx.checker.check_model(model)
    with pytest.raises(BundleRejected, match=r"outputs \['label'\]; expected \['x'\] and \['score'\]"):
        OnnxModel(model.SerializeToString())
