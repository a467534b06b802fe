"""The wide table is streamed, and is what `compute` gives; the page tells what the features are like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fleetloop_edge.features import feature_names
from pipelines.errors import Refused
from pipelines.evaluate import feature_report
from pipelines.features import compute, read_grid, write_wide
from pipelines.features.stage import main
from pipelines.files import Place
from pipelines.split.stage import main as split
from pipelines.train import load_windows
from tests.builders.checkout import ingested
from tests.builders.telemetry import SPEC, failures, fleet


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    rows = fleet(24, 30)
    made = ingested(tmp_path_factory.mktemp("wide"), rows, failures(rows))
    main(made, "lives")
    split(made, "lives")
    return made


def test_the_wide_table_holds_every_feature_of_every_row(place: Place, tmp_path: Path) -> None:
    count = write_wide(place, "lives", SPEC, tmp_path / "wide", at_once=50)  # several blocks a bucket
    found = pd.concat([pd.read_parquet(file) for file in sorted((tmp_path / "wide").glob("*.parquet"))])
    found = found.sort_values(["device", "time"], ignore_index=True)
    grid = read_grid(place, "lives")
    assert count == len(found) == len(grid)
    np.testing.assert_array_equal(found[list(feature_names(SPEC))].to_numpy(), compute(grid, SPEC))


def test_a_folder_that_holds_something_is_not_written_over(place: Place, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Refused, match="is not empty; name a folder that is"):
        write_wide(place, "lives", SPEC, tmp_path)


def test_the_report_names_the_useful_the_alike_and_the_missing(place: Place) -> None:
    described = feature_report.describe(load_windows(place, "lives", "train"), {"age": 0.7, "flow.mean.8": 0.3})
    assert described.names[0] == "age" and described.r[0, 0] == pytest.approx(1)
    found = described.table.set_index("feature")
    assert list(found.index[:2]) == ["age", "flow.mean.8"]
    assert found.loc["pressure.range.3", "missing"] < 0.2 and 0 <= found["r"].min() <= found["r"].max() <= 1
    page = Path(feature_report.write_feature_report(place, "lives")).read_text()
    assert "no model was trained yet" in page and "pressure.mean.30" in page
