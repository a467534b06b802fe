"""Gates: data in, verdict out, with a sentence; a missing metric is a failed gate."""

import pytest

from pipelines.evaluate.gates import Evidence, judge
from pipelines.params import GateSpec

EVIDENCE = {
    "naive": Evidence("naive", {"rmse": 40.0}, {}),
    "baseline": Evidence(
        "lightgbm", {"rmse": 10.0, "roc_auc": 0.9}, {"vendor": {"a": {"rmse": 9.0}, "b": {"rmse": 30.0}}}
    ),
    "sequence": Evidence("gru", {"rmse": 12.0}, {"vendor": {"a": {"rmse": 9.0}, "b": {}}}),
}


def judged(gate, model="baseline"):
    verdict = judge([GateSpec(**gate)], EVIDENCE, [model], frozenset({"roc_auc"}))
    return verdict.rows[0] if verdict.rows else None


@pytest.mark.parametrize(
    ("gate", "model", "passed", "sentence"),
    [
        ({"metric": "rmse", "at_most": 14}, "baseline", True, "LightGBM: RMSE 10.0 on the test devices is at most 14"),
        ({"metric": "rmse", "at_most": 9}, "baseline", False, "LightGBM: RMSE 10.0 on the test devices exceeds 9"),
        ({"metric": "roc_auc", "at_least": 0.95}, "baseline", False,
         "LightGBM: ROC AUC 0.900 on the test devices is below 0.95"),
        ({"metric": "rmse", "against": "naive", "factor": 0.6}, "sequence", True,
         "GRU: RMSE 12.0 on the test devices is at most 0.6 x naive = 24.0"),
        ({"metric": "rmse", "against": "baseline", "factor": 1.1}, "sequence", False,
         "GRU: RMSE 12.0 on the test devices exceeds 1.1 x LightGBM = 11.0"),
        ({"metric": "rmse", "at_most": 20, "slice": "vendor"}, "baseline", False,
         "LightGBM: RMSE 30.0 for vendor 'b', the worst, exceeds 20"),
    ],
)  # fmt: skip
def test_a_gate_gives_a_verdict_and_a_sentence(gate, model, passed, sentence):
    row = judged(gate, model)
    assert (row.passed, row.reason) == (passed, sentence)


@pytest.mark.parametrize(
    ("gate", "model", "words"),
    [
        ({"metric": "mae", "at_most": 1}, "baseline", "mae is missing"),
        ({"metric": "roc_auc", "against": "naive", "factor": 1.0}, "baseline", "ROC AUC of naive is missing"),
        ({"metric": "rmse", "at_most": 99, "slice": "vendor"}, "sequence", "RMSE is missing for vendor 'b'"),
        ({"metric": "rmse", "at_most": 99, "slice": "site"}, "baseline", "there are no slices by site"),
    ],
)
def test_a_missing_metric_is_a_failed_gate(gate, model, words):
    row = judged(gate, model)
    assert not row.passed
    assert words.lower() in row.reason.lower()


def test_a_metric_that_should_be_high_is_held_at_least_at_its_factor():
    evidence = EVIDENCE | {"naive": Evidence("naive", {"roc_auc": 0.5}, {})}
    gate = GateSpec(metric="roc_auc", against="naive", factor=1.5)
    assert judge([gate], evidence, ["baseline"], frozenset({"roc_auc"})).rows[0].passed


def test_a_model_is_not_held_against_itself():
    assert judged({"metric": "rmse", "against": "baseline", "factor": 0.5}) is None


def test_one_failed_gate_fails_the_model_and_its_sentence_is_kept():
    gates = [GateSpec(metric="rmse", at_most=11), GateSpec(metric="rmse", at_most=99)]
    verdict = judge(gates, EVIDENCE, ["baseline", "sequence"], frozenset())
    assert verdict.passed == {"baseline": True, "sequence": False}
    assert verdict.failures("sequence") == ["GRU: RMSE 12.0 on the test devices exceeds 11"]


def test_value_and_limit_are_told_apart_by_enough_digits():
    evidence = {"baseline": Evidence("lightgbm", {"rmse": 14.0001}, {})}
    row = judge([GateSpec(metric="rmse", at_most=14)], evidence, ["baseline"], frozenset()).rows[0]
    assert row.reason == "LightGBM: RMSE 14.0001 on the test devices exceeds 14"
