"""One judgement of a field log: the saved report, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.watch.finding import Finding
from pipelines.watch.judge import Verdict
from pipelines.watch.performance import Performance


@dataclass(frozen=True)
class Judgement:
    """html, json: the saved Evidently report. sentence: the whole, to be read aloud. number: in the use case's history.

    verdict: all tests, by cohort. performance: None where nobody answered.
    """

    html: Path
    json: Path
    sentence: str
    findings: tuple[Finding, ...]
    number: int
    verdict: Verdict
    performance: Performance | None = None

    @property
    def drift(self) -> bool:
        """Whether a finding may start a training."""
        return bool(self.events)

    @property
    def events(self) -> tuple[Finding, ...]:
        """Findings that may start a training."""
        return tuple(f for f in self.findings if f.retrain)

    @property
    def tickets(self) -> tuple[Finding, ...]:
        """Findings that a person has to mend; they start no training."""
        return tuple(f for f in self.findings if f.ticket)

    @property
    def waiting(self) -> tuple[Finding, ...]:
        """Changes of the world that nothing confirms yet as harmful: seen, and left alone."""
        return tuple(f for f in self.findings if not f.ticket and not f.retrain)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "drift": self.drift,
            "sentence": self.sentence,
            "html": str(self.html),
            "json": str(self.json),
            "number": self.number,
            "findings": [f.to_dict() for f in self.findings],
            "performance": None if self.performance is None else self.performance.to_dict(),
        }
