"""Real telemetry of six operating regimes: test engines go row by row through the packed bundle."""

from __future__ import annotations

import gzip

import pytest

from flows.checkout import copy_checkout
from pipelines.files import Place, write_table
from pipelines.ingest import read_devices, read_rows
from pipelines.watch import read_log, score
from tests.builders.laps import edit, run
from tests.builders.stub import ROOT

ENGINES = {"train": 24, "test": 8}
SMALL = {
    "split": {"seed": 760, "test": 0.0, "calibration": 0.25},
    "train.baseline": {"trees": 20, "leaves": 8, "learning_rate": 0.2, "cross_validate": False},
    "train.sequence": {"kind": "gru", "hidden": 6, "steps": 30, "batch": 64, "learning_rate": 0.01, "loss_steps": 20},
    "evaluate": {"bootstrap": 100, "gates": [{"metric": "rmse", "at_most": 100}]},
    "export": {"int8_score_error_max": 20.0, "int8_decisions_flipped_max": 1.0},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engines(public_data, tmp_path_factory):
    """A small lap of `turbofan_fd002` over its first engines."""
    folder = copy_checkout(ROOT, tmp_path_factory.mktemp("fd002") / "checkout")
    raw = folder / "raw"
    raw.mkdir()
    for side, count in ENGINES.items():
        lines = gzip.decompress((public_data / "cmapss" / f"{side}_FD002.txt.gz").read_bytes()).decode().splitlines()
        few = [line for line in lines if int(line.split()[0]) <= count]
        (raw / f"{side}_FD002.txt").write_text("\n".join(few) + "\n")
    left = (public_data / "cmapss" / "RUL_FD002.txt").read_text().split()
    (raw / "RUL_FD002.txt").write_text("\n".join(left[: ENGINES["test"]]) + "\n")
    edit(folder, **{f"use_cases.turbofan_fd002.{key}": value for key, value in SMALL.items()})
    run(folder, "fleetloop", "data", "add", "cmapss_fd002", str(raw))
    run(folder, "fleetloop", "deactivate", "pumps")
    run(folder, "fleetloop", "activate", "turbofan_fd002")
    run(folder, "dvc", "repro")
    return Place(folder)


def test_the_device_decides_on_test_engines_as_history_does(engines, tmp_path):
    devices = read_devices(engines, "cmapss_fd002")
    test = devices.loc[devices["side"] == "test", "device"]
    assert len(test) == ENGINES["test"]
    rows = read_rows(engines, "cmapss_fd002")
    rows = rows[rows["device"].isin(test)]
    write_table(tmp_path / "rows.parquet", rows)
    bundle = engines.room("turbofan_fd002", "export") / "bundle"
    for by in ("row", "batch"):
        score(bundle, tmp_path / "rows.parquet", tmp_path / by, by=by)
    step, batch = (read_log(tmp_path / by).decisions.set_index(["device", "time"]) for by in ("row", "batch"))
    assert len(step) == len(rows) and step.index.equals(batch.index)
    assert step["action"].equals(batch["action"]) and step["score"].nunique() > 10
