"""Weight-only int8: what becomes int8, what stays, and how far answers move."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from fleetloop_edge.model import OnnxModel
from pipelines.export.quantize import int8_weight_fraction, operators, quantized_rows, to_int8
from tests.builders.bundles import linear_table
from tests.builders.exports import recurrent

FORMS = [("gru", 1), ("gru", 2), ("lstm", 1), ("lstm", 2)]


@pytest.mark.parametrize(("kind", "layers"), FORMS)
def test_int8_answers_stay_near_the_float_ones(kind, layers):
    graph = recurrent(kind, 16, layers)
    steps, width = (d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim[1:])
    x = np.random.default_rng(0).normal(size=(64, steps, width)).astype(np.float32)
    plain, small = (OnnxModel(g.SerializeToString()).predict(x) for g in (graph, to_int8(graph)))
    assert 0 < np.abs(plain - small).max() < 0.02


@pytest.mark.parametrize(("kind", "layers"), FORMS)
def test_only_the_recurrent_weights_become_int8(kind, layers):
    graph = to_int8(recurrent(kind, 16, layers))
    held = {tensor.name: tensor.data_type for tensor in graph.graph.initializer}
    assert operators(graph)["DequantizeLinear"] == 2 * layers
    assert sum(kind == onnx.TensorProto.INT8 for kind in held.values()) == 2 * layers
    assert held["head_W"] == held["B0"] == onnx.TensorProto.FLOAT
    assert "W0" not in held


def test_a_gru_of_32_is_a_third_of_its_size():
    graph = recurrent("gru", 32)
    assert to_int8(graph).ByteSize() < 0.4 * graph.ByteSize()


def test_the_fraction_counts_learnt_numbers_alone():
    graph = recurrent("gru", 8)
    counts = {t.name: int(np.prod(t.dims)) for t in graph.graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    expected = (counts["W0"] + counts["R0"]) / sum(counts.values())
    assert int8_weight_fraction(to_int8(graph)) == pytest.approx(expected, abs=1e-6)
    assert int8_weight_fraction(graph) == 0.0


def test_a_graph_without_recurrent_operators_is_refused_aloud():
    with pytest.raises(ValueError, match="has no GRU or LSTM"):
        to_int8(linear_table(np.ones(3)))


def test_the_float_graph_is_left_as_it_was():
    graph = recurrent()
    before = graph.SerializeToString()
    to_int8(graph)
    assert graph.SerializeToString() == before


@given(seed=st.integers(0, 1000), spread=st.sampled_from([1e-6, 1.0, 1e3]))
def test_no_weight_moves_by_more_than_half_a_step(seed, spread):
    weights = np.random.default_rng(seed).normal(0, spread, (1, 6, 5)).astype(np.float32)
    weights[0, 2] = 0.0
    values, scale = quantized_rows(weights)
    moved = np.abs(values[0] * scale[:, None] - weights[0])
    assert (moved <= 0.5001 * scale[:, None]).all()
    assert (values[0, 2] == 0).all()
    assert np.abs(values).max() == 127


def test_scales_are_one_a_row():
    graph = to_int8(recurrent("gru", 8))
    scales = {t.name: numpy_helper.to_array(t).shape for t in graph.graph.initializer if t.name.endswith("_scale")}
    assert scales == {"W0_scale": (24,), "R0_scale": (24,)}
