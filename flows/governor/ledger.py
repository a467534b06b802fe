"""The governor's record in the release store, changed by compare-and-swap: whoever asks, on whichever machine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from flows.governor import rules
from flows.governor.record import Cause, Drift, Outcome, Record
from flows.governor.rules import Answer, Counts
from pipelines.errors import Conflict
from pipelines.params import RetrainSpec
from pipelines.release import Store

T = TypeVar("T")
Clock = Callable[[], datetime]

_TRIES = 200  # rounds against others who ask at the same time
_PAUSE_S = 0.05  # the longest pause after a lost round


def utc_now() -> datetime:
    return datetime.now(UTC)


def clock_at(now: datetime | None) -> Clock:
    """A clock that shows `now` (UTC) at this moment and goes on from there; none: this machine's clock."""
    if now is None:
        return utc_now
    since, first = time.monotonic(), now if now.tzinfo else now.replace(tzinfo=UTC)
    return lambda: first + timedelta(seconds=time.monotonic() - since)


class Ledger:
    """One use case's record. Every method reads it anew: nothing is decided on what was read before."""

    def __init__(self, store: Store, use_case: str, limits: RetrainSpec, clock: Clock = utc_now) -> None:
        self.limits = limits
        self._store, self._use_case, self._clock = store, use_case, clock
        self._key = f"governor/{use_case}.json"

    def read(self) -> Record:
        """The record as it stands; an expired lease shows as lost. Raises StoreError."""
        return rules.expired(self._read()[0], self._clock())

    def ask(self, cause: Cause, run: str) -> Answer:
        """May `run` begin? Raises StoreError."""
        return self._change(lambda record, now: rules.ask(record, cause, run, self.limits, now))

    def weigh(self, run: str, seen: Counts) -> Answer:
        """Are the data that an admitted run has taken in worth training on? Raises StoreError."""
        return self._change(lambda record, now: rules.weigh(record, run, seen, self.limits, now))

    def renew(self, run: str) -> Answer:
        """A sign of life; refused where the lease is another's by now. Raises StoreError."""
        return self._change(
            lambda record, now: (rules.renew(record, run, self.limits, now), rules.holds(record, run, now))
        )

    def finish(self, run: str, outcome: Outcome, said: str, cpu_hours: float) -> None:
        """The run's end, in words. Raises StoreError."""
        self._change(lambda record, now: (rules.finish(record, run, outcome, said, cpu_hours, now), None))

    def found(self, findings: Iterable[Drift]) -> None:
        """Findings that wait for a retraining. Raises StoreError."""
        self._change(lambda record, now: (rules.found(record, tuple(findings)), None))

    def _change(self, change: Callable[[Record, datetime], tuple[Record, T]]) -> T:
        for _ in range(_TRIES):
            before, etag = self._read()
            after, answer = change(before, self._clock())
            if after == before:
                return answer
            try:
                self._store.swap_pointer(self._key, after.to_bytes(), etag)
            except Conflict:
                time.sleep(random.uniform(0, _PAUSE_S))
                continue  # somebody else was first: ask anew against what they wrote
            return answer
        raise Conflict(f"release store {self._store.url}: others kept changing {self._key}; try again")

    def _read(self) -> tuple[Record, str | None]:
        held = self._store.read_pointer(self._key)
        return (Record(self._use_case), None) if held is None else (Record.from_bytes(held[0]), held[1])
