"""A log judged against its use case, with the report that is saved."""

import json

import pandas as pd
import pytest

from pipelines.errors import DataError
from pipelines.watch import score, watch
from pipelines.watch.gather import sample
from tests.builders.fleets import pump_rows, watched_checkout


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A checkout, and the judgements of a healthy and of a shifted log."""
    place, bundle = watched_checkout(tmp_path_factory.mktemp("watch"))
    found = []
    for name, shift in (("healthy", 0.0), ("shifted", 2.0)):
        pump_rows(12, 240, "2026-02-10", seed=5, shift=shift).to_parquet(place.root / f"{name}.parquet", index=False)
        score(bundle, place.root / f"{name}.parquet", place.root / name, by="batch")
        found.append(watch(place, "pumps", place.root / name))
    return place, found


@pytest.mark.slow
def test_a_healthy_log_passes_and_a_shifted_one_does_not(judged):
    _, (healthy, shifted) = judged
    assert not healthy.drift
    assert shifted.drift
    assert {c for f in shifted.events for c in f.channels} >= {"pressure"}


@pytest.mark.slow
def test_the_saved_report_carries_our_tests_and_their_outcomes(judged):
    _, (healthy, shifted) = judged
    for judgement in (healthy, shifted):
        told = json.loads(judgement.json.read_text())["tests"]
        said = {t["metric_config"]["params"]["statistic"]: t["status"] == "SUCCESS" for t in told}
        tests = [t for t in judgement.verdict.tests if t.value is not None]
        assert said == {f"{t.cohort}: {t.name}": t.passed for t in tests}


@pytest.mark.slow
def test_the_html_shows_the_verdict_the_tests_and_the_preset(judged):
    page = judged[1][1].html.read_text()
    assert judged[1][1].findings[0].evidence[0][:60] in page
    assert "Dataset Drift" in page or "dataset_drift" in page.lower()
    assert len(page) < 15e6


@pytest.mark.slow
def test_judgements_are_numbered_and_none_is_written_over(judged):
    place, (healthy, shifted) = judged
    assert [j.html.parent.name for j in (healthy, shifted)] == ["1", "2"]
    about = json.loads((place.untracked("pumps", "watch") / "2" / "judgement.json").read_text())
    assert about["nominal"] == 0.05
    assert about["drift"]


@pytest.mark.slow
def test_outcomes_that_nobody_knows_are_no_test(judged):
    loss = next(t for t in judged[1][0].verdict.tests if t.name == "loss")
    assert loss.passed
    assert loss.limit > 0


def test_a_folder_that_is_no_log_is_named(tmp_path):
    place, _ = watched_checkout(tmp_path, hours=100)
    with pytest.raises(DataError, match="is no field log: it has no rows/ and decisions/"):
        watch(place, "pumps", tmp_path)


def test_a_sample_is_stratified_by_device_capped_and_the_same_twice():
    rows = pd.concat([pump_rows(2, 300, "2026-01-01"), pump_rows(12, 50, "2026-01-01").iloc[100:]], ignore_index=True)
    taken = sample(rows, ["device", "pressure"], 20, (1, 0))
    assert set(taken["device"].value_counts()) == {20}
    pd.testing.assert_frame_equal(taken, sample(rows, ["device", "pressure"], 20, (1, 0)))
    assert not taken.equals(sample(rows, ["device", "pressure"], 20, (2, 0)))
