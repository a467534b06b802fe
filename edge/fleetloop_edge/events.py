"""What events of a device mean for its features: with some a new life begins, of some it counts how long ago they were.

An event is used from the slot in which it happened on, but never before the first slot that closed after the event was
received: what is told late changes nothing that was said before.
"""

from __future__ import annotations

from fleetloop_edge.feature_spec import FeatureSpec

NEVER = -(2**62)
"""The slot of an event that never was."""


class EventState:
    """The newest known event of each kind, as a slot index. Push events as they are received; ask slot by slot."""

    def __init__(self, spec: FeatureSpec, period: int, late: int) -> None:
        self._resets, self._since = frozenset(spec.reset), tuple(dict.fromkeys(spec.since))
        self._period, self._late = period, late
        self._pending: list[tuple[int, int, str]] = []
        self._newest: dict[str, int] = {}

    def push(self, kind: str, time: int, received: int) -> None:
        """Take an event; times in whole microseconds. One that claims a time far ahead of its receipt is left out."""
        wanted = kind in self._resets or kind in self._since
        if wanted and time <= received + self._late + self._period:
            self._pending.append((known_from(time, received, self._period, self._late), time // self._period, kind))

    def born(self, index: int) -> int:
        """The slot of the newest event that begins a life, as known at slot `index`; NEVER if there is none."""
        self._settle(index)
        return max((self._newest.get(kind, NEVER) for kind in self._resets), default=NEVER)

    def since(self, index: int) -> tuple[float, ...]:
        """Periods from the newest known event of each kind of spec.since to slot `index`; NaN if there is none."""
        self._settle(index)
        newest = (self._newest.get(kind, NEVER) for kind in self._since)
        return tuple(float("nan") if slot == NEVER else float(index - slot) for slot in newest)

    def _settle(self, index: int) -> None:
        if not self._pending:
            return
        for known, slot, kind in self._pending:
            if known <= index:
                self._newest[kind] = max(slot, self._newest.get(kind, NEVER))
        self._pending = [event for event in self._pending if event[0] > index]


def known_from(time: int, received: int, period: int, late: int) -> int:
    """The first slot that an event counts for; all in whole microseconds."""
    return max(time // period, -((late - received) // period) - 1)
