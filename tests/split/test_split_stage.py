"""The split stage: sides, targets and the audit, or a refusal that leaves its report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipelines.errors import DataError, Refused
from pipelines.features import read_grid
from pipelines.features.stage import main as features
from pipelines.files import Place, read_json, write_table
from pipelines.split import read_sides, read_targets
from pipelines.split.stage import main
from tests.builders.checkout import ingested
from tests.builders.telemetry import failures, fleet

ROWS = fleet()


def ready(folder: Path, rows: pd.DataFrame = ROWS) -> Place:
    place = ingested(folder, rows, failures(rows), age=False, sequence={"inputs": ["value"]})
    features(place, "lives")
    return place


def test_targets_are_row_by_row_those_of_the_grid(tmp_path: Path) -> None:
    place = ready(tmp_path)
    main(place, "lives")
    grid, targets = read_grid(place, "lives"), read_targets(place, "lives")
    pd.testing.assert_frame_equal(targets[["device", "time"]], grid[["device", "time"]])
    assert list(targets) == ["device", "time", "life", "ahead", "target", "healthy", "side", "valid", "fold"]
    assert [str(kind) for kind in targets.dtypes[2:]] == [
        "float64",
        "float64",
        "float32",
        "bool",
        "str",
        "bool",
        "int8",
    ]


def test_sides_are_one_readable_line_a_device(tmp_path: Path) -> None:
    place = ready(tmp_path)
    main(place, "lives")
    sides, targets = read_sides(place, "lives"), read_targets(place, "lives")
    assert sides["device"].tolist() == sorted(ROWS["device"].unique())
    placed = targets.groupby("device")["side"].first()
    assert placed.to_dict() == dict(zip(sides["device"], sides["side"], strict=True))


def test_the_report_counts_every_row_once(tmp_path: Path) -> None:
    place = ready(tmp_path)
    main(place, "lives")
    report = read_json(place.room("lives", "split") / "report.json", "")
    assert report["audit"]["passed"]
    assert sum(report["sides"][side]["rows"] for side in ("train", "calibration", "test")) == len(
        read_grid(place, "lives")
    )


def test_a_leak_is_refused_and_the_report_stays(tmp_path: Path) -> None:
    left = (ROWS.groupby("device")["time"].transform("max") - ROWS["time"]).dt.total_seconds()
    place = ready(tmp_path, ROWS.assign(flow=(left / 1000).astype("float32")))
    with pytest.raises(Refused, match="the split of lives leaks: the target is nearly a function of channel flow"):
        main(place, "lives")
    assert not read_json(place.untracked("lives", "split") / "report.json", "")["audit"]["passed"]
    assert not place.room("lives", "split").exists()


def test_a_split_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    for read in (read_targets, read_sides):
        with pytest.raises(DataError, match="fleetloop stage split lives"):
            read(Place(tmp_path), "lives")


@pytest.mark.slow
def test_a_device_on_two_sides_ends_with_exit_code_1_and_its_name(tmp_path: Path) -> None:
    place = ready(tmp_path)
    path = place.room("fleet", "ingest") / "tables" / "devices.parquet"
    devices = pd.read_parquet(path)
    twice = devices.iloc[[0, 0]].assign(side=["train", "test"])
    write_table(path, pd.concat([devices.iloc[1:], twice]).astype({"side": "str"}))
    command = [sys.executable, "-m", "flows.cli", "stage", "split", "lives"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and str(twice["device"].iloc[0]) in done.stderr and "Traceback" not in done.stderr
