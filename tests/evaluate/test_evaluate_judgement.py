"""From scored rows to thresholds, metrics, slices, verdict and card."""

import json

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import DataError
from pipelines.evaluate.card import model_card
from pipelines.evaluate.judgement import ModelDecision, judge_models, judgement_files
from pipelines.evaluate.resample import interval_95, resampled_means, row_loss
from pipelines.evaluate.slices import slice_rows, target_bins
from pipelines.params import GateSpec
from pipelines.report.render import to_html, to_markdown
from tests.builders.scores import KINDS, fleet_devices, question, scored_fleet


def judged(scores, ask):
    return judge_models(scores, KINDS, fleet_devices(scores), ask)


def test_a_model_that_knows_more_scores_better_and_costs_less():
    found = judged(scored_fleet(), question()).metrics
    assert (
        found["sequence"]["test"]["log_loss"]
        < found["baseline"]["test"]["log_loss"]
        < found["naive"]["test"]["log_loss"]
    )
    assert found["sequence"]["test"]["cost_per_device"] < found["naive"]["test"]["cost_per_device"]
    assert found["sequence"]["test"]["warned_share"] == 1.0


def test_the_test_side_decides_nothing_that_is_learnt():
    scores = scored_fleet()
    spoiled = scores.copy()
    spoiled.loc[spoiled["side"] == "test", ["baseline", "sequence"]] = np.float32(0.5)
    assert judged(scores, question()).decisions == judged(spoiled, question()).decisions


def test_calibration_rows_decide_no_gate():
    scores = scored_fleet()
    spoiled = scores.copy()
    spoiled.loc[spoiled["side"] == "calibration", ["baseline", "sequence"]] = np.float32(0.5)
    assert judged(scores, question()).verdict == judged(spoiled, question()).verdict


def test_remaining_life_acts_below_its_threshold():
    gates = [GateSpec(metric="rmse", against="naive", factor=0.9)]
    found = judged(scored_fleet(binary=False), question(binary=False, gates=gates, period="cycle"))
    rule = found.decisions["sequence"].decision
    assert (rule.direction, rule.unit, rule.phrase) == ("below", "cycles", "remaining life in cycles")
    assert found.verdict.passed == {"baseline": True, "sequence": True}


def test_intervals_cover_about_what_was_asked():
    found = judged(scored_fleet(devices=8, binary=False), question(binary=False, gates=[]))
    assert 0.8 < found.metrics["sequence"]["test"]["coverage"] < 0.98


def test_a_side_without_known_targets_is_named():
    scores = scored_fleet()
    scores.loc[scores["side"] == "test", "target"] = np.nan
    with pytest.raises(DataError, match="the test side has 480 rows and none with a known target"):
        judged(scores, question())


def test_what_is_written_survives_json():
    files = judgement_files(judged(scored_fleet(), question()))
    again = json.loads(json.dumps(files, allow_nan=False))
    assert ModelDecision.from_dict(again["decisions"]["baseline"]).kind == "lightgbm"


def test_rows_on_which_nobody_answers_are_no_actions():
    scores = scored_fleet()
    scores["missing"] = np.float32(0.9)
    assert judged(scores, question()).metrics["sequence"]["test"]["alarms_per_device_day"] == 0.0


@pytest.mark.parametrize("binary", [True, False])
def test_the_card_tells_scores_gates_decisions_and_draws_figures(binary):
    scores = scored_fleet(binary=binary)
    gates = [GateSpec(metric="log_loss" if binary else "rmse", against="naive", factor=0.01)]
    ask = question(binary=binary, gates=gates)
    found = judged(scores, ask)
    curve = pd.DataFrame({"step": [1, 2, 1, 2], "split": ["train"] * 2 + ["valid"] * 2, "loss": [2.0, 1.0, 2.5, 1.5]})
    importance = {"baseline": {"pressure.mean.48": 0.7, "flow.value": 0.3}, "sequence": {}}
    page = model_card(scores, found, ask, importance, {"baseline": curve, "sequence": curve})
    html, markdown = to_html(page), to_markdown(page)
    assert "No model passed every gate" in markdown
    assert html.count("<svg") == markdown.count("![") >= 6
    assert html == to_html(model_card(scores, found, ask, importance, {"baseline": curve, "sequence": curve}))


def test_vendor_is_the_one_a_device_had_at_the_time():
    scores = scored_fleet(devices=1, length=4)
    frame = scores[scores["side"] == "test"].reset_index(drop=True)
    moved = fleet_devices(frame).iloc[[0, 0]].reset_index(drop=True)
    moved.loc[1, ["from", "vendor"]] = [frame["time"][2], "z"]
    found = dict(slice_rows("vendor", frame, moved, True))
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "a": [True, True, False, False],
        "z": [False, False, True, True],
    }


def test_target_bins_are_named_by_their_edges():
    bins = target_bins(np.array([0.0, 24.9, 25.0, 125.0, np.nan], dtype=np.float32), binary=False)
    assert bins[:4].tolist() == ["0-25", "0-25", "25-50", "100-125"]
    assert bins[4:].isna().all()


def test_resampling_whole_devices_is_wider_than_rows_would_say():
    device = np.repeat(np.arange(5), 200)
    loss = (device + np.random.default_rng(0).normal(0, 0.1, 1000))[:, None]
    low, high = interval_95(resampled_means(loss, device, 500, 0)[:, 0])
    assert high - low > 1.0


def test_models_are_resampled_by_the_same_draws():
    loss = np.random.default_rng(0).random((100, 1))
    means = resampled_means(np.hstack([loss, loss + 1.0]), np.repeat(np.arange(10), 10), 50, 3)
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 1.0)


def test_row_losses_are_the_tasks_own():
    target, score = np.array([1.0, 0.0], np.float32), np.array([0.5, 0.5], np.float32)
    np.testing.assert_allclose(row_loss("binary", target, score), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(row_loss("regression", target, score), 0.25)
