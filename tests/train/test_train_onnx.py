"""The graphs: gate order, thresholds on the edge, missing values, and what they are made of."""

import numpy as np
import pytest

from fleetloop_edge.model import OnnxModel
from pipelines.params import LightGBMSpec, RecurrentSpec
from pipelines.train.model import Answer
from pipelines.train.naive import Naive
from pipelines.train.onnx_trees import round_down, trees_graph
from pipelines.train.recurrent import Recurrent
from tests.builders.windows import SPEC, TASKS, TRAIN, tiny_windows

UNBOUND = Answer(binary=False, low=None, high=None)


def trained_booster(x, y, seed=0, **extra):
    import lightgbm

    params = {"num_leaves": 8, "min_data_in_leaf": 3, "verbosity": -1, "seed": seed, "num_threads": 1} | extra
    return lightgbm.train(params, lightgbm.Dataset(x, y), 20)


def graph_of(booster, width):
    return OnnxModel(
        trees_graph(booster.dump_model()["tree_info"], list(range(width)), width, UNBOUND).SerializeToString()
    )


@pytest.mark.parametrize("value", [0.1, -0.1, 1 / 3, 1e30, -1e-30, 16777217.0, 0.5, 0.0])
def test_a_threshold_is_rounded_to_the_float32_that_is_not_above_it(value):
    down = round_down(value)
    assert float(down) <= value < float(np.nextafter(down, np.float32(np.inf)))


def test_rows_that_lie_on_a_threshold_go_where_lightgbm_sends_them():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3)).astype(np.float32)
    booster = trained_booster(x, x[:, 0] * 3 + np.sin(x[:, 1] * 5))
    splits = booster.trees_to_dataframe().dropna(subset=["threshold"])
    on_edge = np.zeros((len(splits) * 2, 3), dtype=np.float32)
    columns = splits["split_feature"].str.removeprefix("Column_").astype(int).to_numpy()
    near = splits["threshold"].to_numpy().astype(np.float32)
    on_edge[np.arange(len(splits)), columns] = near
    on_edge[len(splits) + np.arange(len(splits)), columns] = np.nextafter(near, np.float32(np.inf))
    np.testing.assert_allclose(graph_of(booster, 3).predict(on_edge), booster.predict(on_edge), atol=1e-4)


@pytest.mark.parametrize("missing_in_training", [True, False])
def test_a_missing_value_goes_where_lightgbm_sends_it(missing_in_training):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    y = np.where(x[:, 0] > 0, 3.0, -1.0) + x[:, 1]
    if missing_in_training:
        x[rng.random(x.shape) < 0.2] = np.nan
    booster = trained_booster(x, y)
    asked = rng.normal(size=(300, 4)).astype(np.float32)
    asked[rng.random(asked.shape) < 0.5] = np.nan
    np.testing.assert_allclose(graph_of(booster, 4).predict(asked), booster.predict(asked), atol=1e-5)


def test_trees_that_never_split_answer_their_one_value():
    x = np.ones((50, 2), dtype=np.float32)
    booster = trained_booster(x, np.full(50, 7.0))
    np.testing.assert_allclose(graph_of(booster, 2).predict(x), 7.0)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("pad", ["first", "zero"])
def test_random_weights_give_the_same_answer_in_torch_and_in_the_graph(kind, layers, pad):
    import dataclasses

    import torch

    from pipelines.train.recurrent import fit_scaler
    from pipelines.train.recurrent_net import Net

    spec = dataclasses.replace(SPEC, sequence=dataclasses.replace(SPEC.sequence, pad=pad))
    windows = tiny_windows(TASKS["life"], spec=spec)
    torch.manual_seed(0)
    network = RecurrentSpec(kind=kind, hidden=7, layers=layers)
    weights = Net(network, windows.inputs.shape[1]).weights()
    model = Recurrent(UNBOUND, network, steps=6, scaling=fit_scaler(windows.inputs), weights=weights)
    x = windows.gather(np.arange(len(windows)), model.scaler)
    graph = OnnxModel(model.to_onnx().SerializeToString())
    np.testing.assert_allclose(graph.predict(x), model.predict(windows)[:, 0], atol=1e-6)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_a_recurrent_graph_is_the_fused_operator_and_a_linear_head(kind):
    windows = tiny_windows(TASKS["failure"])
    model = Recurrent(Answer.of(TASKS["failure"]), TRAIN.sequence.model_copy(update={"kind": kind, "steps": 1}))
    model.fit(windows, windows.take(windows.end[:0]))
    graph = model.to_onnx().graph
    assert [node.op_type for node in graph.node] == ["Transpose", kind.upper(), "Squeeze", "Gemm", "Sigmoid"]
    assert {"W0", "R0", "B0", "head_W", "head_B"} <= {constant.name for constant in graph.initializer}


def test_naive_life_takes_age_from_the_features():
    model = Naive(TASKS["life"])
    model.fit(tiny_windows(TASKS["life"]), tiny_windows(TASKS["life"], devices=1))
    assert model.form == "life_less_age"
    graph = OnnxModel(model.to_onnx().SerializeToString())
    x = np.zeros((2, model.width), dtype=np.float32)
    x[:, model.age_column] = [model.numbers["life"] - 4, 1e6]
    np.testing.assert_allclose(graph.predict(x), [4, 0], atol=1e-4)


def test_the_tree_graph_is_a_fraction_of_the_text():
    from pipelines.train.trees import Trees

    windows = tiny_windows(TASKS["life"], devices=30)
    model = Trees(Answer.of(TASKS["life"]), LightGBMSpec(trees=100, leaves=15, min_leaf=5))
    model.fit(windows, windows.take(windows.end[:0]))
    assert len(model.to_onnx().SerializeToString()) < 0.5 * len(model.booster.model_to_string())
