"""The timeline: what happened, what was caught and when, what was refused or retrained, and what it was worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.demo.account import Account
from pipelines.files import write_bytes, write_json
from pipelines.report.loop_figure import Line, Mark, loop_figure
from pipelines.report.page import Cell, Fact, Figure, Page, Section, Table, Tone
from pipelines.report.render import to_html
from pipelines.report.words import money

TONES: dict[str, Tone] = {"ordered": "muted", "retraining": "good", "refused": "bad"}


@dataclass(frozen=True)
class Entry:
    """time: simulated, ISO. kind: ordered (what really happened), a finding's kind, or retraining. cause: in words.

    decision: what was done about it. run: the judgement, the release or the flow run that it stands in.
    """

    time: str
    kind: str
    cause: str
    decision: str = ""
    run: str = ""
    day: float = 0.0  # after the beginning of what is shown


@dataclass(frozen=True)
class Policy:
    """A way of retraining: when it did, on which days, and what came of it."""

    name: str
    retrained: tuple[float, ...]
    account: Account


@dataclass(frozen=True)
class Caught:
    """Something that was ordered. delay: days until a finding told of it, and what it called it; None: none did."""

    what: str
    expected: str
    day: float
    delay: float | None
    called: str


def caught(orders: Sequence[dict[str, Any]], entries: Sequence[Entry]) -> list[Caught]:
    """Each order with the first finding of its class after it (of any class, where none has it).

    orders: what, class, day, names (devices, cohorts and channels that a finding's words may hold).
    """
    found = []
    for order in orders:
        after = [e for e in entries if e.day >= order["day"] and e.kind not in ("ordered", "retraining", "refused")]
        about = [e for e in after if any(name in e.cause for name in order["names"])] or (
            after if order["class"] == "drift" else []
        )
        right = [e for e in about if _is(order["class"], e.kind)] or about
        first = right[0] if right else None
        delay = None if first is None else first.day - order["day"]
        found.append(Caught(order["what"], order["class"], order["day"], delay, first.kind if first else ""))
    return found


def _is(expected: str, kind: str) -> bool:
    return kind in ("new_regime", "concept_drift") if expected == "drift" else kind == expected


def write_story(
    folder: Path,
    entries: Sequence[Entry],
    policies: Sequence[Policy],
    seen: Sequence[Caught],
    currency: str,
    fleet: str,
) -> Path:
    """Write timeline.json and timeline.html into `folder`; the page's path. policies: ours first."""
    ordered = sorted(entries, key=lambda e: (e.day, e.kind != "ordered"))
    told = [{k: v for k, v in asdict(e).items() if k != "day"} for e in ordered]
    write_json(folder / "timeline.json", told)
    ours, *others = policies
    parts = (
        Section(
            "What each way of retraining cost", (), (_figure(ordered, policies, currency), _costs(policies, currency))
        ),
        Section("What happened, and what was caught", (), (_caught(seen),)),
        Section("Timeline", (), (_timeline(ordered),)),
    )
    page = Page("The loop, shown", fleet, _verdict(ours, others, currency), _facts(ours, others, seen, currency), parts)
    write_bytes(folder / "timeline.html", to_html(page).encode())
    return folder / "timeline.html"


def _figure(entries: Sequence[Entry], policies: Sequence[Policy], currency: str) -> Figure:
    lines = [Line(p.name, p.account.day, p.account.spent, p.retrained) for p in policies]
    marks = [Mark(e.day, e.cause.split(":")[0]) for e in entries if e.kind == "ordered"]
    caption = "Money spent by the fleet; a dot is a retraining, a vertical line something that happened in the field."
    return Figure("loop", loop_figure(lines, marks, currency), caption, wide=True)


def _costs(policies: Sequence[Policy], currency: str) -> Table:
    rows = tuple(
        (
            Cell(p.name, "strong" if i == 0 else ""),
            str(len(p.retrained)),
            f"{p.account.warned} of {p.account.failures}",
            f"{p.account.actions:,}",
            money(p.account.cost, currency),
            money(p.account.cost - policies[0].account.cost, currency) if i else "",
        )
        for i, p in enumerate(policies)
    )
    columns = (
        "policy",
        "retrainings",
        "failures warned in time",
        "machines stopped",
        "cost of the fleet",
        "more than the loop",
    )
    return Table(
        "Costs", columns, rows, note="Same fleet, same failures; costs as the use case's decision states them."
    )


def _caught(seen: Sequence[Caught]) -> Table:
    rows = tuple(
        (f"{i}. {c.what}", f"day {c.day:g}", c.called.replace("_", " ") or Cell("not seen", "bad"), _delay(c))
        for i, c in enumerate(seen, 1)
    )
    return Table("", ("what", "began", "called", "days until it was"), rows, words=3)


def _delay(one: Caught) -> str:
    return "–" if one.delay is None else f"{one.delay:.0f}"


def _timeline(entries: Sequence[Entry]) -> Table:
    rows = tuple(
        (e.time[:10], Cell(e.kind.replace("_", " "), TONES.get(e.kind, "strong")), e.cause, e.decision, e.run)
        for e in entries
    )
    return Table("", ("day", "kind", "cause", "decision", "run"), rows, words=5)


def _verdict(ours: Policy, others: Sequence[Policy], currency: str) -> Cell:
    never = next(p for p in others if not p.retrained) if any(not p.retrained for p in others) else others[0]
    saved = never.account.cost - ours.account.cost
    word = "saved" if saved >= 0 else "cost"
    runs = f"{len(ours.retrained)} retraining{'' if len(ours.retrained) == 1 else 's'}"
    said = f"{runs} {word} {money(abs(saved), currency)} against {never.name}"
    best = min(others, key=lambda p: p.account.cost)
    less = ours.account.cost - best.account.cost
    if less > 0 and best is not never:
        said += f"; retraining {best.name} would have cost {money(less, currency)} less"
    return Cell(said, "good" if saved >= 0 else "bad")


def _facts(ours: Policy, others: Sequence[Policy], seen: Sequence[Caught], currency: str) -> tuple[Fact, ...]:
    told = sum(c.delay is not None for c in seen)
    facts = [
        Fact("Seen", f"{told} of {len(seen)}", "things that happened"),
        Fact(ours.name, money(ours.account.cost, currency)),
    ]
    return (*facts, *(Fact(p.name, money(p.account.cost, currency), f"{len(p.retrained)} retrainings") for p in others))
