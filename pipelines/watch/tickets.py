"""Tickets for what people have to mend, and the masks that keep a broken channel from alarming again.

A ticket is one JSON file; .fleetloop/<use case>/masks.json says what is masked because of which. A masked channel
neither alarms nor is counted, from the moment at which it broke until the ticket is closed: what was measured in
between stays masked, so that a mended sensor does not alarm by its past.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import DataError
from pipelines.files import Place, read_json, write_json
from pipelines.watch.finding import Finding

MASKS = "masks.json"


@dataclass(frozen=True)
class Mask:
    """cohort: a device, or a cohort's name. since, until (None: still): ISO, UTC; in the file they are `from`, `to`."""

    cohort: str
    channel: str
    since: str
    until: str | None
    reason: str
    ticket: str

    def to_dict(self) -> dict[str, str | None]:
        """As the file holds it."""
        names = {"since": "from", "until": "to"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Ticket:
    """finding: what is broken. opened, closed: ISO, UTC; closed is None while it is open."""

    finding: Finding
    opened: str
    closed: str | None = None

    @property
    def id(self) -> str:
        return self.finding.id

    def to_dict(self) -> dict[str, Any]:
        """As the file holds it."""
        state = "open" if self.closed is None else "closed"
        return self.finding.to_dict() | {"opened": self.opened, "closed": self.closed, "state": state}


def read_tickets(place: Place, use_case: str) -> tuple[Ticket, ...]:
    """All tickets of a use case, the oldest first. Raises DataError where one cannot be read."""
    found = [_read(path) for path in sorted(_folder(place, use_case).glob("*.json"))]
    return tuple(sorted(found, key=lambda t: (t.opened, t.id)))


def open_tickets(place: Place, use_case: str) -> tuple[Ticket, ...]:
    """Those that nobody closed yet."""
    return tuple(t for t in read_tickets(place, use_case) if t.closed is None)


def file_tickets(place: Place, use_case: str, findings: tuple[Finding, ...], now: str) -> None:
    """Write a ticket for each finding that a person has to mend, and mask its channels. Known ones stay as they are."""
    for finding in findings:
        path = _folder(place, use_case) / f"{finding.id}.json"
        if finding.ticket and not path.exists():
            write_json(path, Ticket(finding, now).to_dict())
    _write_masks(place, use_case)


def close_ticket(place: Place, use_case: str, ticket: str, now: str) -> Ticket:
    """Close a ticket: its channels count again from `now` on. Raises DataError naming the open ones."""
    known = {t.id: t for t in open_tickets(place, use_case)}
    if ticket not in known:
        raise DataError(
            f"{use_case} has no open ticket {ticket!r}; open are: {', '.join(known) or '(none)'} "
            f"(see `fleetloop tickets {use_case}`)"
        )
    closed = Ticket(known[ticket].finding, known[ticket].opened, now)
    write_json(_folder(place, use_case) / f"{ticket}.json", closed.to_dict())
    _write_masks(place, use_case)
    return closed


def read_masks(place: Place, use_case: str) -> tuple[Mask, ...]:
    """What is or was masked. Raises DataError where the file cannot be read."""
    path = place.untracked(use_case, MASKS)
    if not path.exists():
        _write_masks(place, use_case)
    lines = read_json(path, f"fleetloop watch {use_case} LOG")
    try:
        return tuple(Mask(m["cohort"], m["channel"], m["from"], m["to"], m["reason"], m["ticket"]) for m in lines)
    except (TypeError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); each mask has cohort, channel, from, to, reason and ticket. Delete "
            f"it: `fleetloop watch {use_case} LOG` writes it anew from the tickets"
        ) from None


def masks_of(finding: Finding, until: str | None = None) -> tuple[Mask, ...]:
    """The masks that a finding asks for."""
    f, reason = finding, f"{finding.kind}: {finding.evidence[0]}" if finding.evidence else finding.kind
    return tuple(Mask(f.cohort, channel, f.first_seen, until, reason, f.id) for channel in f.channels)


def _write_masks(place: Place, use_case: str) -> None:
    masks = [
        mask.to_dict() for ticket in read_tickets(place, use_case) for mask in masks_of(ticket.finding, ticket.closed)
    ]
    write_json(place.untracked(use_case, MASKS), masks)


def _folder(place: Place, use_case: str) -> Path:
    return place.untracked(use_case, "tickets")


def _read(path: Path) -> Ticket:
    told = read_json(path, "fleetloop watch USE_CASE LOG")
    try:
        return Ticket(Finding.from_dict(told), told["opened"], told["closed"])
    except (TypeError, KeyError) as error:
        raise DataError(
            f"{path} is no ticket: it lacks {error}; delete it, and the next judgement files it anew"
        ) from None
