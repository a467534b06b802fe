"""The rules, as functions of the record, the limits and the time: nothing here reads a clock, a store or an event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flows.governor.record import Cause, Drift, Lease, Line, Outcome, Record
from pipelines.params import RetrainSpec

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Answer:
    """What the governor says, in a sentence; rule: which one refused."""

    admitted: bool
    reason: str
    rule: str = ""


@dataclass(frozen=True)
class Counts:
    """Data as a run sees them once they are in. snapshot: their hash. records, labels: how many there are in all."""

    snapshot: str
    records: int
    labels: int


def ask(record: Record, cause: Cause, run: str, limits: RetrainSpec, now: datetime) -> tuple[Record, Answer]:
    """May `run` begin? Admitted, it holds the lease. Asking again does no harm: the holder is admitted as before."""
    record = expired(record, now)
    if record.lease is not None and record.lease.run == run:
        return renew(record, run, limits, now), Answer(True, "admitted already")
    for rule, reason in _objections(record, cause, limits, now):
        return record.refused(Line(now, cause, run, False, rule, reason)), Answer(False, reason, rule)
    waiting = tuple(finding.id for finding in record.findings)
    line = Line(now, cause, run, True, "", "admitted", findings=waiting)
    lease = Lease(run, now, now + timedelta(seconds=limits.lease_s))
    return replace(record, lease=lease, lines=(*record.lines, line)), Answer(True, line.reason)


def weigh(record: Record, run: str, seen: Counts, limits: RetrainSpec, now: datetime) -> tuple[Record, Answer]:
    """Are the data that an admitted run has taken in worth training on? Refused, it holds the lease no more."""
    line = record.line_of(run)
    if line is None or not _holds(record, run, now):
        return record, Answer(False, _gone(record, run), "lease")
    record = record.amended(run, snapshot=seen.snapshot, records=seen.records, labels=seen.labels)
    for rule, reason in _shortcomings(record, line, seen, limits):
        said = record.amended(run, admitted=False, rule=rule, reason=reason, ended=now)
        return replace(said, lease=None), Answer(False, reason, rule)
    return renew(record, run, limits, now), Answer(True, "the data are worth a run")


def renew(record: Record, run: str, limits: RetrainSpec, now: datetime) -> Record:
    """A sign of life of the lease's holder; nothing where it is not the holder any more."""
    if not _holds(record, run, now) or record.lease is None:
        return record
    return replace(record, lease=replace(record.lease, until=now + timedelta(seconds=limits.lease_s)))


def holds(record: Record, run: str, now: datetime) -> Answer:
    """May `run` still act on the world?"""
    return Answer(True, "holds the lease") if _holds(record, run, now) else Answer(False, _gone(record, run), "lease")


def finish(record: Record, run: str, outcome: Outcome, said: str, cpu_hours: float, now: datetime) -> Record:
    """A run's end: the lease is free, and what it published answers the findings that it began with."""
    line = record.line_of(run)
    ending = {"outcome": outcome, "said": said} if line is not None and line.admitted else {}
    record = record.amended(run, cpu_hours=cpu_hours, ended=now, **ending)
    if outcome == "published" and line is not None:
        left = tuple(finding for finding in record.findings if finding.id not in line.findings)
        record = replace(record, findings=left)
    return replace(record, lease=None) if record.lease is not None and record.lease.run == run else record


def found(record: Record, findings: tuple[Drift, ...]) -> Record:
    """Findings join those that wait; one that waits already keeps its first time."""
    known = {finding.id for finding in record.findings}
    return replace(record, findings=record.findings + tuple(f for f in findings if f.id not in known))


def expired(record: Record, now: datetime) -> Record:
    """A lease that ran out is free; the run that held it is lost. It is charged one core for as long as it lived."""
    lease = record.lease
    if lease is None or lease.until > now:
        return record
    hours = (lease.until - lease.since) / timedelta(hours=1)
    said = "it gave no sign of life for as long as its lease lasts"
    record = record.amended(lease.run, outcome="lost", said=said, cpu_hours=hours, ended=lease.until)
    return replace(record, lease=None)


def _objections(record: Record, cause: Cause, limits: RetrainSpec, now: datetime) -> Iterator[tuple[str, str]]:
    """What speaks against beginning, the strongest first. A person's word outweighs cool-down and budget."""
    if record.lease is not None:
        held = record.lease
        yield "in flight", f"run {held.run} is in flight since {_moment(held.since)}; it may run until it ends"
    if cause == "drift" and not record.findings:
        yield "pending", "no drift waits for an answer in the store"
    if cause == "hand":
        return
    ended = [line.ended for line in record.lines if line.done and line.ended is not None]
    free = max(ended, default=None)
    if free is not None and now < free + timedelta(hours=limits.cool_down_h):
        until = free + timedelta(hours=limits.cool_down_h)
        yield "cool-down", f"the last run ended {_moment(free)}; cool-down until {_moment(until)} (retrain.cool_down_h)"
    week = [line for line in record.lines if line.admitted and line.at > now - WEEK]
    if len(week) >= limits.runs_per_week:
        yield "runs", f"{len(week)} runs in the last 7 days; at most {limits.runs_per_week} (retrain.runs_per_week)"
    hours = sum(line.cpu_hours for line in record.lines if line.at > now - WEEK)
    if hours >= limits.cpu_hours_per_week:
        most = f"{limits.cpu_hours_per_week:g} (retrain.cpu_hours_per_week)"
        yield "CPU-hours", f"{hours:.1f} CPU-hours in the last 7 days; at most {most}"


def _shortcomings(record: Record, line: Line, seen: Counts, limits: RetrainSpec) -> Iterator[tuple[str, str]]:
    """What speaks against training on these data for this cause."""
    if line.cause == "hand":
        return
    before = [known for known in record.lines if known.done and known.run != line.run]
    for known in before:
        if known.snapshot == seen.snapshot and _same_question(known, line):
            why = f"run {known.run} ended {known.outcome} on these very data for the same cause ({known.cause})"
            yield "done", f"{why}; new data or another cause would be worth a run"
    if line.cause == "ci" or not before:
        return
    last = before[-1]
    for noun, now, then, least in (
        ("rows", seen.records, last.records, limits.new_rows),
        ("labels", seen.labels, last.labels, limits.new_labels),
    ):
        if now - then < least:
            key = f"retrain.new_{noun}"
            yield f"new {noun}", f"{now - then:,} new {noun} since run {last.run}; at least {least:,} ({key})"


def _same_question(known: Line, line: Line) -> bool:
    """A schedule asks for nothing but the data, so any run on them has answered it; drift also for its findings."""
    if line.cause == "schedule":
        return True
    return known.cause == line.cause and (line.cause != "drift" or set(line.findings) <= set(known.findings))


def _holds(record: Record, run: str, now: datetime) -> bool:
    return record.lease is not None and record.lease.run == run and record.lease.until > now


def _gone(record: Record, run: str) -> str:
    other = f"; run {record.lease.run} holds it now" if record.lease is not None and record.lease.run != run else ""
    return f"run {run} does not hold the lease any more: it gave no sign of life in time{other}"


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
