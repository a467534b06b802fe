"""Training by blocks gives the numbers that training on the whole table gave; useless features are left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from fleetloop_edge.model import OnnxModel
from pipelines import by_device
from pipelines.errors import DataError
from pipelines.features import read_grid
from pipelines.features.stage import main as features
from pipelines.files import Place, write_table
from pipelines.split import read_learnt_spec, read_targets
from pipelines.split.stage import main as split
from pipelines.train import MODELS, Held, load_windows, streamed, windows_of
from pipelines.train.trees import Trees
from pipelines.train.useless import find_useless
from tests.builders.checkout import ingested
from tests.builders.telemetry import failures, fleet
from tests.builders.windows import TASKS, TRAIN, tiny_windows

SIDES = ("train", "valid", "calibration", "test", None)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    rows = fleet(24, 40)
    made = ingested(tmp_path_factory.mktemp("streamed"), rows, failures(rows), min_rows=3)
    features(made, "lives")
    split(made, "lives")
    return made


@pytest.fixture(params=[1, 100, 10**6], ids="{} rows a block".format)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_device.blocks_of, "__defaults__", (None, request.param))


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("side", SIDES)
def test_windows_by_blocks_are_the_windows_of_the_whole_grid(place: Place, side) -> None:
    found = load_windows(place, "lives", side)
    whole = windows_of(read_grid(place, "lives"), read_targets(place, "lives"), read_learnt_spec(place, "lives"), side)
    assert (found.devices, found.names, found.input_names) == (whole.devices, whole.names, whole.input_names)
    for name in ("end", "start", "row", "target", "life", "age", "device"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), strict=True)
    np.testing.assert_array_equal(found.inputs, whole.inputs)
    drawn = np.random.default_rng(0).permutation(whole.end)  # in any order
    np.testing.assert_array_equal(found.features[drawn], whole.features[drawn])
    np.testing.assert_array_equal(found.features[whole.end], whole.features[whole.end])


@pytest.mark.usefixtures("block")
def test_a_model_learnt_from_blocks_is_the_model_learnt_from_the_whole(place: Place) -> None:
    grid, targets, spec = read_grid(place, "lives"), read_targets(place, "lives"), read_learnt_spec(place, "lives")
    for kind in ("lightgbm", "gru"):
        models = [MODELS[kind](TRAIN, TASKS["life"]) for _ in range(2)]
        models[0].fit(load_windows(place, "lives", "train"), load_windows(place, "lives", "valid"))
        models[1].fit(*(windows_of(grid, targets, spec, side) for side in ("train", "valid")))
        said = models[0].predict(load_windows(place, "lives", "test"))
        np.testing.assert_array_equal(said, models[1].predict(windows_of(grid, targets, spec, "test")))
        assert models[0].curve == models[1].curve


def test_a_large_array_lies_in_a_file_and_holds_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_windows(place, "lives", "train").inputs
    monkeypatch.setattr(streamed, "IN_MEMORY", 0)
    mapped = load_windows(place, "lives", "train").inputs
    np.testing.assert_array_equal(mapped, whole)
    assert mapped.base is not None and type(mapped) is np.ndarray


def test_grid_and_targets_of_two_versions_are_told_apart(place: Place, tmp_path: Path) -> None:
    targets, path = read_targets(place, "lives"), place.room("lives", "split") / "targets.parquet"
    stored = path.read_bytes()
    try:
        for other in (targets.iloc[:-1], targets.iloc[[*range(len(targets)), 0]]):
            write_table(path, other)
            with pytest.raises(DataError, match="run `dvc repro split@lives` so that both are of one version"):
                load_windows(place, "lives", "train")
    finally:
        path.write_bytes(stored)


def with_useless_features():
    """Windows to which are added: a constant, a feature never known, a repeated one, and one that is now and then 1."""
    windows = tiny_windows(TASKS["life"])
    features = windows.features[np.arange(len(windows))]
    n = len(features)
    rare = np.where(np.arange(n) % 3 == 0, np.float32(np.nan), np.float32(1))
    added = [np.full(n, 5.0), np.full(n, np.nan), features[:, 0], rare]
    table = np.column_stack([*added, features]).astype(np.float32)
    names = ("same", "never", "again", "sometimes", *windows.names)
    return replace(windows, source=Held(table, windows.inputs), names=names), windows


def test_useless_features_are_found_and_named() -> None:
    windows, _ = with_useless_features()
    found = find_useless(windows)
    assert (found.missing, found.constant) == (("never",), ("same",))
    assert found.duplicates == {"heat.value": "again"}  # the first of equals stays


def test_only_the_rows_given_say_what_is_useless() -> None:
    windows, _ = with_useless_features()
    table = windows.features[np.arange(len(windows))]
    table[0, 0] = 7.0
    moved = replace(windows, source=Held(table, windows.inputs))
    assert "same" not in find_useless(moved).names
    assert "same" in find_useless(moved.take(np.arange(1, len(moved)))).names


def test_trees_without_them_answer_by_all_columns_and_are_saved_with_their_names(tmp_path: Path) -> None:
    windows, _ = with_useless_features()
    model = MODELS["lightgbm"](TRAIN, TASKS["life"])
    model.fit(windows, windows)
    assert not {"same", "never", "heat.value"} & set(model.importance())
    model.save(tmp_path)
    loaded = Trees.load(tmp_path, "make it")
    assert loaded.useless == find_useless(windows)
    said = model.predict(windows)
    np.testing.assert_array_equal(loaded.predict(windows), said)
    onnx = OnnxModel(model.to_onnx().SerializeToString())
    np.testing.assert_allclose(onnx.predict(windows.features[windows.end]), said[:, 0], atol=1e-4)


def test_lightgbm_filled_by_blocks_is_lightgbm_filled_at_once() -> None:
    windows = tiny_windows(TASKS["failure"], missing=0.2)
    model = MODELS["lightgbm"](TRAIN, TASKS["failure"])
    model.fit(windows, windows)
    params, names = model._params(), [f"f{i}" for i in range(len(windows.names))]
    data = lightgbm.Dataset(windows.features[windows.end], windows.target, feature_name=names)
    at_once = lightgbm.train(params, data, TRAIN.baseline.trees)
    assert at_once.model_to_string() == model.booster.model_to_string()
