"""From models that passed to a bundle that the device accepts, replayed by the device's own code."""

from dataclasses import replace

import numpy as np
import pytest

from fleetloop_edge.bundle import load
from pipelines.errors import DataError, Refused
from pipelines.evaluate import epoch_seconds
from pipelines.export import pick_devices
from pipelines.export.contents import files_hash, without_pictures
from pipelines.export.make import make_bundle
from tests.builders.exports import facts, material, rules


@pytest.fixture(scope="module")
def stuff():
    return material()


@pytest.fixture(scope="module")
def made(stuff):
    return make_bundle(stuff, facts(), rules())


def test_the_device_accepts_the_bundle(made, tmp_path):
    for name, data in made.files.items():
        (tmp_path / name).write_bytes(data)
    manifest = load(tmp_path).manifest
    assert manifest.models["sequence"].precision == "int8"
    assert manifest.models["baseline"].int8_weight_fraction == 0.0
    assert {manifest.primary, manifest.fallback} == {"sequence", "baseline"}


def test_the_same_inputs_give_the_same_bytes(made):
    assert make_bundle(material(), facts(), rules()).files == made.files


def test_the_device_scores_held_out_rows_as_the_training_model_does(made):
    parity = made.report["parity"]
    assert parity["unmatched"] == 0
    assert parity["devices"] == 2
    assert parity["rows"] > 60
    for graph in ("baseline.float32", "sequence.float32"):
        assert parity["edge"][graph]["max"] < 1e-5
        assert parity["edge"][graph]["flipped"] == 0.0


def test_int8_is_compared_with_float_on_the_device_too(made):
    found = made.report["parity"]["int8"]["sequence"]
    assert 0 < found["rms"] <= found["max"] == found["worst_device_max"]
    assert found["worst_device"].startswith("pump-")


def test_weights_and_arithmetic_are_accounted_apart(made):
    model = made.report["models"]["sequence"]
    assert model["int8_weight_fraction"] > 0.7
    assert model["int8_arithmetic_fraction"] == 0.0


def test_nothing_that_a_clock_measured_is_in_the_report(made):
    assert "p50_us" not in str(made.report)
    assert made.latency["models"]["sequence"]["int8"]["p50_us"] > 0


def test_int8_beyond_its_limit_falls_back_to_float_with_the_reason(stuff):
    report = make_bundle(stuff, facts(), rules(int8_score_error_max=1e-9)).report
    assert report["models"]["sequence"]["precision"] == "float32"
    assert report["models"]["sequence"]["reason"].startswith("int8 refused: score error")


def test_the_device_disagreeing_with_training_is_refused(stuff):
    spoiled = stuff.predictions.copy()
    spoiled["baseline"] = spoiled["baseline"] + np.float32(0.05)
    with pytest.raises(Refused, match=r"parity: on device pump-\d the runtime's baseline score differs by 0.05"):
        make_bundle(replace(stuff, predictions=spoiled), facts(), rules())


def test_a_row_that_only_history_scored_is_refused(stuff):
    first = stuff.rows["device"] == "pump-1"
    lost = stuff.rows.drop(stuff.rows[first].index[-6:])
    with pytest.raises(Refused, match=r"parity: \d+ of \d+ rows of held-out devices were scored by only one"):
        make_bundle(replace(stuff, rows=lost), facts(), rules())


def test_predictions_of_another_version_are_named(stuff):
    short = replace(stuff, predictions=stuff.predictions.iloc[1:])
    with pytest.raises(DataError, match="they are of two versions"):
        make_bundle(short, facts(), rules())


def test_the_only_model_that_passed_ships_alone(stuff):
    alone = replace(stuff, models={"baseline": stuff.models["baseline"]})
    made = make_bundle(alone, facts(), rules())
    assert made.report["fallback"] is None
    assert set(made.files) == {"baseline.onnx", "golden.npz", "card.md", "manifest.json"}


def test_a_replay_takes_whole_histories_up_to_its_limit(stuff):
    rows, cut = pick_devices(stuff.rows, {"pump-1": 0.0, "pump-4": 0.0}, 60)
    assert (rows["device"].unique().tolist(), cut) == (["pump-1"], frozenset())


def test_a_history_over_the_limit_is_cut_and_said_to_be(stuff):
    rows, cut = pick_devices(stuff.rows, {"pump-1": 0.0, "pump-4": 0.0}, 10)
    assert (len(rows), cut) == (10, frozenset({"pump-1"}))


def test_rows_before_the_test_side_build_up_states_and_do_not_count(stuff):
    history = stuff.rows[stuff.rows["device"] == "pump-1"].sort_values("received")
    begins = epoch_seconds(history["time"])[20]
    rows, cut = pick_devices(stuff.rows, {"pump-1": begins}, 10)
    assert int((epoch_seconds(rows["time"]) >= begins).sum()) == 10 and len(rows) >= 30 and cut == {"pump-1"}


def test_a_test_side_that_begins_within_a_history_agrees_with_the_training_model(stuff):
    late = stuff.predictions["time"] >= stuff.predictions["time"].quantile(0.6)
    seen = (stuff.predictions["side"] != "test") | late
    test = stuff.test.take(late[stuff.predictions["side"] == "test"].to_numpy())
    parity = make_bundle(replace(stuff, predictions=stuff.predictions[seen], test=test), facts(), rules()).report[
        "parity"
    ]
    assert parity["unmatched"] == 0 and parity["rows"] == len(test)
    assert all(form["flipped"] == 0 for name, form in parity["edge"].items() if name.endswith("float32"))


def test_a_cut_history_still_agrees_with_the_training_model(stuff):
    parity = make_bundle(stuff, facts(), rules(parity_rows=20)).report["parity"]
    assert parity["unmatched"] == 0
    assert 0 < parity["rows"] <= 20


def test_a_hash_of_files_knows_names_and_bytes(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = files_hash(tmp_path, [tmp_path])
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert files_hash(tmp_path, [tmp_path]) != before


def test_a_card_for_the_device_has_no_pictures():
    assert without_pictures("# T\n\n![x](x.svg)\n\ntext\n") == "# T\n\ntext\n"
