"""The timeline as a page, as JSON, and as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo.policy import Policy, verdict
from pipelines.demo.story import Caught, Entry
from pipelines.files import write_bytes, write_json
from pipelines.report.page import Cell, Fact, Figure, Page, Section, Table, Tone
from pipelines.report.render import to_html
from pipelines.report.words import money

TONES: dict[str, Tone] = {
    "ordered": "muted", "published": "good", "held": "bad", "refused": "bad", "failed": "bad",
}  # fmt: skip
CAPTION = (
    "Above: money spent by the fleet, a dot for each retraining. Below: from when each thing happened to when it was "
    "caught (green; orange: by another name; red: never), and what became of each retraining that was asked for: "
    "published (dot), held (square), refused (cross)."
)


@dataclass(frozen=True)
class Story:
    """All that is to be told. policies: ours first, then never retraining. fleet: what was simulated, in one line."""

    entries: tuple[Entry, ...]
    policies: tuple[Policy, ...]
    seen: tuple[Caught, ...]
    tickets: str
    currency: str
    fleet: str
    days: float

    @property
    def verdict(self) -> str:
        """What the loop was worth, in a sentence."""
        return verdict(self.policies[0], self.policies[1:], self.currency)


def write_story(folder: Path, story: Story) -> Path:
    """Write timeline.json and timeline.html into `folder`; the page's path."""
    ordered = sorted(story.entries, key=lambda e: (e.day, e.kind != "ordered"))
    write_json(folder / "timeline.json", [entry.to_dict() for entry in ordered])
    text = (story.tickets,) if story.tickets else ()
    parts = (
        Section("At one look", (), (_figure(story),)),
        Section("In figures", text, (costs_table(story), caught_table(story.seen))),
        Section("Timeline", (), (timeline_table(ordered),)),
    )
    ours, never, *_ = story.policies
    best = ours.cost <= min(p.cost for p in story.policies)
    tone: Tone = "good" if best else "" if ours.cost <= never.cost else "bad"
    page = Page("The loop, shown", story.fleet, Cell(story.verdict, tone), _facts(story), parts)
    write_bytes(folder / "timeline.html", to_html(page).encode())
    return folder / "timeline.html"


def costs_table(story: Story) -> Table:
    """A line a policy: retrainings, failures warned of, machines stopped, money, and how far from the loop's."""
    ours = story.policies[0]
    rows = tuple(
        (
            Cell(p.name, "strong" if p is ours else ""),
            f"{p.published} of {len(p.retrained)}",
            f"{p.account.warned} of {p.account.failures}",
            f"{p.account.actions:,}",
            f"{p.cost:,.0f}",
            "" if p is ours else f"{p.cost - ours.cost:+,.0f}",
        )
        for p in story.policies
    )
    columns = ("policy", "published", "warned in time", "stopped", story.currency, "against the loop")
    note = f"One fleet, the same failures; {money(ours.each, story.currency)} of it a retraining, for every policy."
    return Table("What each way of retraining cost", columns, rows, note=note)


def caught_table(seen: Sequence[Caught]) -> Table:
    """A line a thing that really happened: when, what it was called, after how many days."""
    rows = tuple((f"{i}. {c.order.what}", f"{c.order.day:g}", _called(c), _delay(c)) for i, c in enumerate(seen, 1))
    return Table("What happened, and what was caught", ("what", "on day", "called", "days until"), rows)


def timeline_table(entries: Sequence[Entry]) -> Table:
    """A line an entry, in order of time."""
    rows = tuple(
        (
            f"{e.day:g}",
            e.time[:10],
            Cell(e.kind.replace("_", " "), TONES.get(e.kind, "strong")),
            e.cause,
            e.decision,
            Cell(e.run.name, "", e.run.link) if e.run else "",
        )
        for e in entries
    )
    return Table("", ("day", "date", "kind", "cause", "decision", "run"), rows, words=6)


def _called(one: Caught) -> Cell:
    if one.delay is None:
        return Cell("missed", "bad")
    return Cell(one.called.replace("_", " "), "good" if one.right else "bad")


def _delay(one: Caught) -> str:
    return "–" if one.delay is None else f"{one.delay:.0f}"


def _figure(story: Story) -> Figure:
    from pipelines.report.loop_figure import DEEDS, Deed, Line, Mark, loop_figure

    lines = [Line(p.name, p.account.day, p.spent, p.retrained, _end(p)) for p in story.policies]
    marks = [
        Mark(c.order.day, c.order.what, None if c.delay is None else c.order.day + c.delay, c.right) for c in story.seen
    ]
    deeds = [Deed(e.day, e.kind) for e in story.entries if e.kind in DEEDS]
    return Figure("loop", loop_figure(lines, marks, deeds, story.days, story.currency), CAPTION, wide=True)


def _end(policy: Policy) -> str:
    """What stands at the end of a policy's line."""
    return f"{policy.name}\n{policy.cost / 1e6:.2f} M"


def _facts(story: Story) -> tuple[Fact, ...]:
    told = sum(c.right for c in story.seen)
    facts = (Fact("Caught", f"{told} of {len(story.seen)}", "things that happened"),)
    return facts + tuple(Fact(p.name, f"{p.cost / 1e6:.2f} M {story.currency}", _times(p)) for p in story.policies)


def _times(policy: Policy) -> str:
    count = len(policy.retrained)
    return "one retraining" if count == 1 else f"{count or 'no'} retrainings"
