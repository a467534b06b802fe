"""What the field says: history through the device's runtime, and the judgement of a field log."""

from pipelines.watch.field_log import FieldLog, read_log, write_log
from pipelines.watch.score import ScoreSummary, score
from pipelines.watch.watch import Judgement, watch

__all__ = ["FieldLog", "Judgement", "ScoreSummary", "read_log", "score", "watch", "write_log"]
