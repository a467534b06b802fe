"""What the governor remembers of one use case: the lease in force, the findings that wait, and every decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

Cause = Literal["drift", "schedule", "ci", "hand"]
Outcome = Literal["", "published", "held", "failed", "lost", "cancelled"]
"""How an admitted run ended; "" while it runs. lost: its lease ran out without a word."""

REFUSALS = 500  # kept, the oldest go first; admitted runs are all kept


@dataclass(frozen=True)
class Lease:
    """The one run in flight. until: when it counts as dead unless it gives a sign of life."""

    run: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Drift:
    """A drift that waits for a retraining. judgement: where its report stands."""

    id: str
    about: str
    found: datetime
    judgement: str = ""


@dataclass(frozen=True)
class Line:
    """One decision. times, last: how often, and when last, the same refusal was given.

    run: the flow run that asked. findings: what was pending when a run for drift was admitted. snapshot, records,
    labels: of the data it saw, once it has. cpu_hours: of the run's processes.
    """

    at: datetime
    cause: Cause
    run: str
    admitted: bool
    rule: str  # which rule refused; "" where none did
    reason: str
    times: int = 1
    last: datetime | None = None
    findings: tuple[str, ...] = ()
    snapshot: str = ""
    records: int = 0
    labels: int = 0
    outcome: Outcome = ""
    ended: datetime | None = None
    said: str = ""
    cpu_hours: float = 0.0

    @property
    def done(self) -> bool:
        """The question was answered: the same one on the same data need not be asked again."""
        return self.admitted and self.outcome in ("published", "held")


@dataclass(frozen=True)
class Record:
    """lines: the oldest first."""

    use_case: str
    lease: Lease | None = None
    findings: tuple[Drift, ...] = ()
    lines: tuple[Line, ...] = ()

    def to_bytes(self) -> bytes:
        return _RECORD.dump_json(self, indent=1) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        return _RECORD.validate_json(data)

    def line_of(self, run: str) -> Line | None:
        """The newest decision on a run."""
        return next((line for line in reversed(self.lines) if line.run == run), None)

    def amended(self, run: str, **changes: Any) -> Record:
        """The same with the newest line of a run changed."""
        place = max((i for i, line in enumerate(self.lines) if line.run == run), default=None)
        if place is None:
            return self
        line = replace(self.lines[place], **changes)
        return replace(self, lines=(*self.lines[:place], line, *self.lines[place + 1 :]))

    def refused(self, line: Line) -> Record:
        """The same with one refusal more; said twice in a row it is one line with a count."""
        newest = self.lines[-1] if self.lines else None
        if newest is not None and not newest.admitted and (newest.rule, newest.cause) == (line.rule, line.cause):
            again = replace(newest, times=newest.times + 1, last=line.at, run=line.run, reason=line.reason)
            return replace(self, lines=(*self.lines[:-1], again))
        lines = (*self.lines, line)
        refusals = [i for i, known in enumerate(lines) if not known.admitted]
        old = set(refusals[: max(0, len(refusals) - REFUSALS)])
        return replace(self, lines=tuple(known for i, known in enumerate(lines) if i not in old))


_RECORD = TypeAdapter(Record)
