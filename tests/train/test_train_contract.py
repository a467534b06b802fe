"""What every model keeps, whatever is behind the interface."""

import numpy as np
import pytest

from fleetloop_edge.model import OnnxModel
from pipelines.errors import DataError
from pipelines.train import MODELS
from pipelines.train.naive import Naive
from pipelines.train.recurrent import Recurrent
from pipelines.train.trees import Trees
from tests.builders.windows import TASKS, TRAIN, tiny_windows

LOADERS = {"naive": Naive.load, "lightgbm": Trees.load, "gru": Recurrent.load, "lstm": Recurrent.load}


def fitted(kind, task, train=TRAIN):
    model = MODELS[kind](train, TASKS[task])
    model.fit(tiny_windows(TASKS[task], seed=0), tiny_windows(TASKS[task], seed=1, devices=2))
    return model


@pytest.fixture(scope="module", params=[(kind, task) for kind in MODELS for task in TASKS], ids="-".join)
def case(request):
    kind, task = request.param
    return fitted(kind, task), TASKS[task], tiny_windows(TASKS[task], seed=2, devices=4)


def graph_inputs(model, windows, which):
    if model.inputs == "sequence":
        return windows.gather(which, model.scaler)
    return windows.features[windows.end[which]]


def test_a_loader_is_known_for_every_model():
    assert set(LOADERS) == set(MODELS)


def test_answers_are_one_float32_column_within_the_tasks_bounds(case):
    model, task, windows = case
    answers = model.predict(windows)
    assert answers.shape == (len(windows), 1) and answers.dtype == np.float32
    low, high = task.bounds
    assert low <= answers.min() and answers.max() <= high


def test_same_seed_gives_the_same_bytes(case, tmp_path):
    model, task, _ = case
    again = fitted(model.kind, next(name for name, known in TASKS.items() if known is task))
    for folder, one in ((tmp_path / "a", model), (tmp_path / "b", again)):
        folder.mkdir()
        one.save(folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_saved_model_answers_as_before(case, tmp_path):
    model, _, windows = case
    model.save(tmp_path)
    loaded = LOADERS[model.kind](tmp_path, "dvc repro")
    np.testing.assert_array_equal(loaded.predict(windows), model.predict(windows))
    assert loaded.to_onnx().SerializeToString() == model.to_onnx().SerializeToString()
    assert (loaded.scaler, loaded.importance()) == (model.scaler, model.importance())


def test_the_graph_answers_as_the_model_does_one_at_a_time_and_all_at_once(case):
    model, task, windows = case
    graph = OnnxModel(model.to_onnx().SerializeToString())
    expected = model.predict(windows)[:, 0]
    every = np.arange(len(windows))
    at_once = graph.predict(graph_inputs(model, windows, every))
    one_by_one = np.concatenate([graph.predict(graph_inputs(model, windows, every[i : i + 1])) for i in every])
    tolerance = 1e-5 * task.bounds[1]
    np.testing.assert_allclose(at_once, expected, atol=tolerance, rtol=0)
    np.testing.assert_allclose(one_by_one, expected, atol=tolerance, rtol=0)


def test_an_answer_does_not_depend_on_the_windows_beside_it(case):
    model, _, windows = case
    some = np.array([3, 50, 7])
    np.testing.assert_allclose(model.predict(windows.take(some)), model.predict(windows)[some], atol=2e-5)


def test_rows_of_an_unknown_target_teach_nothing(case):
    model, task, windows = case
    train = tiny_windows(task, seed=0)
    train.target[::2] = np.nan
    one, other = MODELS[model.kind](TRAIN, task), MODELS[model.kind](TRAIN, task)
    one.fit(train, train.take(train.end[:0]))
    other.fit(train.known(), train.take(train.end[:0]))
    np.testing.assert_array_equal(one.predict(windows), other.predict(windows))


def test_a_model_that_saw_the_data_beats_a_constant(case):
    model, task, windows = case
    constant = float(np.nanmean(tiny_windows(task, seed=0).target))
    error = np.mean((model.predict(windows)[:, 0] - windows.target) ** 2)
    assert error <= np.mean((constant - windows.target) ** 2) * (1.0001 if model.kind == "naive" else 0.9)


def test_importance_is_shares_of_named_features_largest_first(case):
    model, _, windows = case
    found = model.importance()
    assert set(found) <= set(windows.names)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert not found or sum(found.values()) == pytest.approx(1.0, abs=1e-4)


def test_the_curve_ends_at_the_last_step_with_both_splits(case):
    model, _, _ = case
    if model.kind == "naive":
        assert model.curve == []
        return
    steps = TRAIN.baseline.trees if model.kind == "lightgbm" else TRAIN.sequence.steps
    assert {point.split for point in model.curve if point.step == steps} == {"train", "valid"}


@pytest.mark.parametrize("kind", MODELS)
def test_nothing_to_learn_from_is_said_so(kind):
    windows = tiny_windows(TASKS["life"])
    windows.target[:] = np.nan
    with pytest.raises(DataError, match="no train row has a known target"):
        MODELS[kind](TRAIN, TASKS["life"]).fit(windows, windows)


@pytest.mark.parametrize("kind", MODELS)
def test_a_missing_model_names_the_command_that_makes_it(kind, tmp_path):
    with pytest.raises(DataError, match="dvc repro train@pumps"):
        LOADERS[kind](tmp_path, "dvc repro train@pumps")
