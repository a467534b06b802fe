"""params.yaml: one typed tree; every error names the key's path and what is allowed there."""

from pathlib import Path

import pytest
import yaml

from pipelines.errors import ParamsError
from pipelines.params import load_params

ROOT = Path(__file__).parents[2]


@pytest.fixture
def edited(tmp_path):
    def load(old, new):
        text = (ROOT / "params.yaml").read_text()
        assert old in text
        (tmp_path / "params.yaml").write_text(text.replace(old, new, 1))
        return load_params(tmp_path)

    return load


def test_the_shipped_params_load():
    assert set(load_params(ROOT).use_cases) >= {"pumps", "turbofan"}


@pytest.mark.parametrize(("block", "other"), [("release", {}), ("retrain", {"new_rows": 1000})])
def test_the_shipped_use_case_shows_what_holds_where_nothing_is_stated(block, other):
    stated = yaml.safe_load((ROOT / "params.yaml").read_text())["use_cases"]["pumps"][block]
    unstated = getattr(load_params(ROOT).use_cases["turbofan"], block).model_dump()
    assert stated == unstated | other


def test_features_take_channels_and_period_from_the_dataset():
    features = load_params(ROOT).use_cases["pumps"].features
    assert features.channels == ("pressure", "flow", "temperature", "vibration", "current")
    assert features.period_s == 3600


@pytest.mark.parametrize(
    ("old", "new", "path", "allowed"),
    [
        ("period_s: 3600", "period: 3600", "datasets.pumps.period", "period_s"),
        ("horizon: 48", "horizn: 48", "use_cases.pumps.task.horizn", "healthy_beyond, horizon, kind"),
        ("windows: [168]", "windws: [168]", "use_cases.pumps.features.trailing.1.windws", "stats, windows"),
        ("format: epoch_ms", "fromat: epoch_ms", "datasets.pumps.sources.borealis.time.fromat", "field, format"),
        ("metric: average_precision, at_least", "metric: average_precision, atleast",
         "use_cases.pumps.evaluate.gates.0.atleast", "at_least"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_an_error_with_its_path_and_what_is_allowed(edited, old, new, path, allowed):
    with pytest.raises(ParamsError) as error:
        edited(old, new)
    assert f"{path} is not a known key" in str(error.value)
    assert allowed in str(error.value)


def test_a_key_of_another_task_is_not_offered(edited):
    with pytest.raises(ParamsError) as error:
        edited("horizon: 48", "horizn: 48")
    assert "cap" not in str(error.value).split("expected one of")[1]


def test_a_value_out_of_range_is_named_with_its_path_and_value(edited):
    with pytest.raises(ParamsError, match=r"use_cases.pumps.task.horizon: .*greater than 0, got -4"):
        edited("horizon: 48", "horizon: -4")


def test_an_unknown_dataset_of_a_use_case_lists_the_known_ones(edited):
    with pytest.raises(ParamsError, match=r"no dataset 'pomps'; expected one of pumps, cmapss_fd001"):
        edited("dataset: pumps\n    task", "dataset: pomps\n    task")


def test_a_mapped_channel_must_be_a_channel_of_the_dataset(edited):
    with pytest.raises(ParamsError, match="datasets.pumps.*flw is not a channel"):
        edited("flow: {field: gpm", "flw: {field: gpm")


def test_an_unknown_use_case_suggests_the_near_one():
    with pytest.raises(ParamsError, match="no use case 'pump'; did you mean 'pumps'"):
        load_params(ROOT).use_case("pump")


@pytest.mark.parametrize("text", ["", "[1, 2]", "active: {a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_one_clear_error(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match="params.yaml"):
        load_params(tmp_path)


def test_a_missing_file_names_the_folder_to_run_in(tmp_path):
    with pytest.raises(ParamsError, match="run fleetloop in the folder that holds params.yaml"):
        load_params(tmp_path)


def test_params_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load_params(ROOT).use_cases["pumps"].title = "other"
