"""The stage: refusals leave their report, and a real lap's bundle is made again to the byte."""

import shutil
from pathlib import Path

import pytest

from fleetloop_edge.bundle import load
from pipelines.errors import DataError, Refused
from pipelines.export import bundle_path, read_export_report
from pipelines.export.stage import main
from pipelines.files import Place, write_json

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return Place(tmp_path)


def test_a_refusal_says_the_gates_sentence_and_leaves_a_report(place):
    row = {"model": "baseline", "passed": False, "reason": "LightGBM: RMSE 20 on the test devices exceeds 14"}
    gates = {"rows": [row], "passed": {"baseline": False, "sequence": False}}
    write_json(place.room("pumps", "evaluate") / "gates.json", gates)
    with pytest.raises(Refused, match="nothing is exported: LightGBM: RMSE 20 on the test devices exceeds 14"):
        main(place, "pumps")
    assert "RMSE 20" in read_export_report(place, "pumps")["refused"]
    assert not (place.room("pumps", "export") / "bundle").exists()


@pytest.mark.slow
def test_a_real_laps_bundle_loads_and_is_made_again_to_the_byte(lap, tmp_path):
    for part in ("params.yaml", "data", "edge", "pipelines"):
        copy = shutil.copytree if (lap.root / part).is_dir() else shutil.copy
        copy(lap.root / part, tmp_path / part)
    again = Place(tmp_path)
    main(again, "pumps")
    before, after = (load(bundle_path(one, "pumps")) for one in (lap, again))
    assert before.id == after.id
    assert read_export_report(lap, "pumps") == read_export_report(again, "pumps")


def test_without_an_evaluation_the_next_step_is_named(place):
    with pytest.raises(DataError, match="gates.json does not exist; make it with `dvc repro evaluate@pumps`"):
        main(place, "pumps")


def test_without_a_bundle_the_next_step_is_named(place):
    with pytest.raises(DataError, match="holds no bundle; make it with `dvc repro export@pumps`"):
        bundle_path(place, "pumps")
