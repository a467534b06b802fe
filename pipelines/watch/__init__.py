"""What the field says: history through the device's runtime, and the judgement of a field log."""

from pipelines.watch.field_log import FieldLog, read_log, write_log
from pipelines.watch.finding import Finding, Kind
from pipelines.watch.history import newest_findings, workspace_of
from pipelines.watch.judgement import Judgement
from pipelines.watch.score import ScoreSummary, score
from pipelines.watch.tickets import Mask, Ticket, close_ticket, open_tickets, read_masks, read_tickets
from pipelines.watch.watch import watch

__all__ = [
    "FieldLog",
    "Finding",
    "Judgement",
    "Kind",
    "Mask",
    "ScoreSummary",
    "Ticket",
    "close_ticket",
    "newest_findings",
    "open_tickets",
    "read_log",
    "read_masks",
    "read_tickets",
    "score",
    "watch",
    "workspace_of",
    "write_log",
]
