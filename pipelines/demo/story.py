"""The timeline: what happened, what was found, what was decided about it, and which of it was caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

DRIFT = ("new_regime", "concept_drift")
FINDINGS = ("sensor_fault", "upstream_change", *DRIFT)


@dataclass(frozen=True)
class Run:
    """A Prefect flow run. link: its page in the server's UI."""

    id: str
    name: str
    link: str


@dataclass(frozen=True)
class Entry:
    """time: simulated, ISO. kind: ordered (what really happened), a finding's kind, published, held, refused or failed.

    cause: in words. decision: what was done about it. run: the flow run that decided; none for what just happened.
    day: after the beginning of what is shown. about: the cohort and the channels of a finding.
    """

    time: str
    kind: str
    cause: str
    decision: str = ""
    run: Run | None = None
    day: float = 0.0
    about: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """As timeline.json holds it."""
        run = None if self.run is None else {"id": self.run.id, "name": self.run.name, "link": self.run.link}
        return {"time": self.time, "kind": self.kind, "cause": self.cause, "decision": self.decision, "run": run}


@dataclass(frozen=True)
class Ordered:
    """Something that really happened. expected: what triage should call it. about: its cohort and channel, if any."""

    what: str
    expected: str
    day: float
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caught:
    """delay: days until the first finding that told of it, and what that called it; None: none did."""

    order: Ordered
    delay: float | None
    called: str

    @property
    def right(self) -> bool:
        """Whether it was called what it is."""
        return self.called in (DRIFT if self.order.expected == "drift" else (self.order.expected,))


def caught(orders: Sequence[Ordered], entries: Sequence[Entry]) -> list[Caught]:
    """Each order with the first finding about it since it began; one that calls it by its class goes before others."""
    return [_first(order, [e for e in entries if e.day >= order.day and e.kind in FINDINGS]) for order in orders]


def _first(order: Ordered, after: Sequence[Entry]) -> Caught:
    if order.expected == "drift":
        about = [e for e in after if e.kind in DRIFT]
    else:
        about = [e for e in after if set(order.about) <= set(e.about)]
    found = [Caught(order, e.day - order.day, e.kind) for e in about]
    return next((c for c in found if c.right), found[0] if found else Caught(order, None, ""))
