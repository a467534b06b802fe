"""Who may train again: one run in flight, once for one reason on the same data, within a budget; all on record."""

from flows.governor.ledger import Clock, Ledger, clock_at, utc_now
from flows.governor.record import Cause, Drift, Lease, Line, Outcome, Record
from flows.governor.rules import Answer, Counts

__all__ = [
    "Answer",
    "Cause",
    "Clock",
    "Counts",
    "Drift",
    "Lease",
    "Ledger",
    "Line",
    "Outcome",
    "Record",
    "clock_at",
    "utc_now",
]
