"""A use case that states no features has those of its task; what it states holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetloop_edge.features import feature_names
from fleetloop_edge.spec import FeatureSpec
from pipelines.errors import ParamsError
from pipelines.params import load_params, stated_features

RAW = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())


def loaded(folder: Path, features: Any, use_case: str = "pumps", **task: Any) -> FeatureSpec:
    """The features of a use case whose block reads so (None: there is none)."""
    case = {key: value for key, value in RAW["use_cases"][use_case].items() if key != "features"}
    case["task"] = case["task"] | task
    case |= {} if features is None else {"features": features}
    tree = RAW | {"use_cases": RAW["use_cases"] | {use_case: case}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return load_params(folder).use_case(use_case).features


@pytest.mark.parametrize("block", [None, {}, {"channels": ["flow", "pressure"]}, {"fill": 1}])
def test_without_a_list_of_features_the_task_gives_one(tmp_path: Path, block: Any) -> None:
    spec = loaded(tmp_path, block)
    names = set(feature_names(spec))
    assert {"flow.mean.12", "flow.slope.48", "pressure.max.48", "flow.mean.144", "pressure.missing"} <= names
    assert "age" not in names and spec.min_rows == 12 and spec.late_s == 1800
    assert spec.channels == (
        ("flow", "pressure") if block and "channels" in block else tuple(RAW["datasets"]["pumps"]["channels"])
    )
    assert spec.fill == (1 if block and "fill" in block else 3)
    assert not stated_features(tmp_path, "pumps")


def test_windows_follow_how_far_the_task_looks_ahead(tmp_path: Path) -> None:
    assert {"flow.mean.50", "flow.mean.200", "flow.mean.600"} <= set(feature_names(loaded(tmp_path, None, horizon=200)))
    tiny, huge = loaded(tmp_path, None, horizon=1), loaded(tmp_path, None, horizon=1e6)
    assert "flow.mean.3" in feature_names(tiny) and "flow.mean.720" in feature_names(huge)


def test_remaining_life_has_age_and_its_own_baseline_and_answers_from_the_first_row(tmp_path: Path) -> None:
    spec = loaded(tmp_path, None, "turbofan")
    assert {"age", "s2.deviation", "s2.mean.42"} <= set(feature_names(spec)) and spec.min_rows == 1


def test_a_block_that_names_features_is_the_whole_list(tmp_path: Path) -> None:
    spec = loaded(tmp_path, {"ewma": [0.5], "sequence": {"inputs": ["value"]}})
    assert spec.trailing == () and spec.late_s == 0 and stated_features(tmp_path, "pumps")


def test_a_misspelt_key_is_told_whatever_the_task_gives(tmp_path: Path) -> None:
    with pytest.raises(
        ParamsError, match="use_cases.pumps.features.trailling is not a known key .did you mean trailing"
    ):
        loaded(tmp_path, {"trailling": []})


def test_a_task_that_is_not_valid_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="use_cases.pumps.task.horizon: .*greater than 0"):
        loaded(tmp_path, None, horizon=-1)
