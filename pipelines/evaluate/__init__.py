"""Scores by slice, thresholds from cost, conformal intervals, gates, and the model card."""

from pipelines.evaluate.feature_report import write_feature_report
from pipelines.evaluate.judgement import ModelDecision, actions
from pipelines.evaluate.lives import Lives, decision_metrics, epoch_seconds, find_lives, worth
from pipelines.evaluate.read import read_decisions, read_gates, read_metrics, read_predictions
from pipelines.evaluate.resample import interval_95, resampled_means, row_loss
from pipelines.evaluate.scores import CANDIDATES, MODELS, abstentions, outcome

__all__ = [
    "CANDIDATES",
    "MODELS",
    "Lives",
    "ModelDecision",
    "abstentions",
    "actions",
    "decision_metrics",
    "epoch_seconds",
    "find_lives",
    "interval_95",
    "outcome",
    "read_decisions",
    "read_gates",
    "read_metrics",
    "read_predictions",
    "resampled_means",
    "row_loss",
    "worth",
    "write_feature_report",
]
