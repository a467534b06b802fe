"""The lap as people read it: what ships and why, every gate, sizes and latency; or why nothing ships."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.errors import DataError
from pipelines.evaluate.judgement import judge_models, judgement_files
from pipelines.export.make import make_bundle
from pipelines.export.report import refusal
from pipelines.files import Place, write_json
from pipelines.report import lap_tables, write_report
from tests.builders.exports import facts, material, rules
from tests.builders.scores import KINDS, fleet_devices, question, scored_fleet

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made():
    return make_bundle(material(), facts(), rules())


@pytest.fixture
def place(tmp_path, made):
    """The files of a lap of `pumps`."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    found, scores = Place(tmp_path), scored_fleet()
    judged = judgement_files(judge_models(scores, KINDS, fleet_devices(scores), question()))
    for name, value in judged.items():
        write_json(found.room("pumps", "evaluate") / f"{name}.json", value)
    write_json(found.room("pumps", "export") / "report.json", made.report)
    write_json(found.untracked("pumps", "export") / "latency.json", made.latency)
    return found


def shown(place):
    out = io.StringIO()
    console = Console(file=out, width=240)
    for table in lap_tables(place, "pumps"):
        console.print(table)
    return " ".join(out.getvalue().split())


def test_the_terminal_says_what_ships_why_and_at_what_size(place, made):
    text = shown(place)
    assert made.report["sentence"] in text
    for word in ("naive", "LightGBM", "GRU", "ships", "fallback", "float32", "int8", "p50", "us"):
        assert word in text


def test_every_gate_is_shown_with_its_verdict(place):
    text = shown(place)
    assert text.count("log loss <= 0.9 x naive") == 2
    assert "passed" in text


def test_a_refusal_is_told_with_the_gates_sentence(place):
    write_json(place.room("pumps", "export") / "report.json", refusal("no model passed its gates: RMSE 20 exceeds 14"))
    assert "Nothing ships: no model passed its gates: RMSE 20 exceeds 14." in shown(place)
    assert "RMSE 20 exceeds 14" in write_report(place, "pumps").read_text()


def test_a_lap_without_export_still_has_tables(place):
    shutil.rmtree(place.room("pumps", "export"))
    assert "nothing was exported yet" in shown(place)


def test_latency_of_another_machine_is_not_invented(place):
    (place.untracked("pumps", "export") / "latency.json").unlink()
    assert "Latency was not measured on this machine" in shown(place)


def test_the_report_is_one_page_beside_the_data(place):
    (place.room("pumps", "evaluate") / "card").mkdir()
    (place.room("pumps", "evaluate") / "card" / "truth.svg").write_text("<svg id='drawn'></svg>")
    (place.room("pumps", "evaluate") / "card" / "index.html").write_text("")
    path = write_report(place, "pumps")
    html = path.read_text()
    assert path == place.root / ".fleetloop" / "pumps" / "report.html"
    assert "<svg id='drawn'></svg>" in html
    assert 'href="../../data/pumps/evaluate/card/index.html"' in html


def test_data_and_sides_are_told_where_they_are_known(place):
    counts = {"records": 10, "accepted": 8, "quarantined": 1, "duplicates": 1, "cells_quarantined": 0}
    write_json(place.room("pumps", "ingest") / "report.json", counts | {"by_source": {"aquatek": counts}})
    side = {"devices": 3, "failures": 2, "rows": 90, "rows_known": 80}
    check = {"name": "window_on_two_sides", "passed": True, "sentence": "no window on two sides"}
    told = {"measure": "rmse", "honest": 12.0, "random_rows": 4.0, "difference": -8.0, "sentence": "67% less"}
    audit = {"checks": [check], "cheating": told}
    write_json(
        place.room("pumps", "split") / "report.json",
        {"by": "time", "embargo": 216, "sides": {"test": side}, "audit": audit},
    )
    folds = [{"fold": 0, "loss": 0.1}, {"fold": 1, "loss": 0.2}]
    scored = {"kind": "lightgbm", "measure": "log_loss", "folds": folds, "mean": 0.15, "sd": 0.07}
    write_json(place.room("pumps", "train") / "baseline_folds.json", scored)
    write_json(place.room("pumps", "train") / "sequence_folds.json", {})
    html = write_report(place, "pumps").read_text()
    assert "aquatek" in html and "no window on two sides" in html
    assert "the 216 hours before each cut" in html and "Cheating: 67% less" in html and "rows at random" in html
    assert "0.150 ± 0.070" in html


def test_a_use_case_that_was_not_run_names_the_next_step(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    with pytest.raises(DataError, match="make it with `fleetloop run pumps`"):
        lap_tables(Place(tmp_path), "pumps")
