"""Parts of one bucket, written in the order of time where rows lean on those before: a cumulative counter counts on
over the border of a span.

What a part was written with is what the parts before it showed; only where that changed is it written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import pandas as pd

from pipelines.ingest.part import Job, Written, write_part

Shown = dict[tuple[str, str], float]
"""What counters showed last: by device and channel."""


@dataclass(frozen=True)
class Chain:
    """The parts of a bucket from the first that a run touches on. jobs: in the order of time. touched: names of those
    to be written whatever happens. before: what the parts before them showed. held: the same of each stored part."""

    jobs: tuple[Job, ...]
    touched: frozenset[str]
    before: Shown
    held: dict[str, Shown]


def chains(touched: Iterable[Job], every: Iterable[Job], counters: pd.DataFrame) -> Iterator[Chain]:
    """One a bucket that is touched. every: of all parts. counters: as in state.TABLES, of what is stored."""
    names = frozenset(job.name for job in touched)
    held = {str(part): _shown(lines) for part, lines in counters.groupby("part", sort=True)}
    for _, some in groupby(sorted(every, key=lambda job: job.name), key=_bucket):
        jobs = list(some)
        first = next((i for i, job in enumerate(jobs) if job.name in names), None)
        if first is None:
            continue
        before: Shown = {}
        for job in jobs[:first]:
            before |= held.get(job.name, {})
        rest = jobs[first:]
        yield Chain(tuple(rest), names, before, {job.name: held[job.name] for job in rest if job.name in held})


def write_chain(chain: Chain) -> list[Written]:
    """Write the parts that are touched, and those whose counters count on from something else than before."""
    was, now, written = dict(chain.before), dict(chain.before), []
    for job in chain.jobs:
        held = shown = chain.held.get(job.name, {})
        if job.name in chain.touched or any(was.get(key) != now.get(key) for key in held):
            part = write_part(replace(job, carried=dict(now)))
            written.append(part)
            shown = _shown(part.state["counters"]) if "counters" in part.state else {}
        was |= held
        now |= shown
    return written


def _bucket(job: Job) -> str:
    return job.name.partition("/")[0]


def _shown(lines: pd.DataFrame) -> Shown:
    return dict(zip(zip(lines["device"], lines["channel"], strict=True), lines["shown"], strict=True))
