"""How a statistic that alarms came to where it is: the newest windows as judged, and each older one as seen then."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipelines.watch.cohorts import places
from pipelines.watch.judge import NEWEST, CohortVerdict, Reference, Test, Verdict, points_of
from pipelines.watch.measure import Calendar
from pipelines.watch.windows import DeviceWindows

OLDER = 12  # windows before the judged ones


@dataclass(frozen=True)
class Timeline:
    """times: ends of windows, the oldest first. deviations: in null sd. judged: how many of the last were judged."""

    times: tuple[pd.Timestamp, ...]
    deviations: tuple[float, ...]
    judged: int


def timelines(
    verdict: Verdict, log: DeviceWindows, reference: Reference, calendar: Calendar
) -> dict[tuple[str, str], Timeline]:
    """The timelines of the tests that failed, by (cohort, statistic)."""
    log = reference.cut(log)
    found: dict[tuple[str, str], Timeline] = {}
    for cohort in verdict.cohorts:
        if cohort.failed:
            part = log.take(np.array(places(cohort.cohort, log.devices), dtype=np.int64))
            found |= _of_cohort(cohort, part, reference, calendar)
    return found


def _of_cohort(
    cohort: CohortVerdict, log: DeviceWindows, reference: Reference, calendar: Calendar
) -> dict[tuple[str, str], Timeline]:
    newest = replace(reference.rule, k=1, m=1)
    reach = min(OLDER + reference.rule.m, log.values.shape[1])
    older = [reference.away(log, newest, NEWEST - back) for back in range(reference.rule.m, reach)]
    names = [s.name for s in log.statistics]
    found = {}
    for test in cohort.failed:
        place = names.index(test.name)
        before = [point for away in older for point in points_of(away, place)]
        found[cohort.cohort.name, test.name] = _timeline(test, before, calendar)
    return found


def _timeline(test: Test, before: list[tuple[float, float]], calendar: Calendar) -> Timeline:
    judged = {round(at): z for at, z in test.points}
    older = {round(at): z for at, z in before if round(at) < min(judged, default=0)}
    points = sorted((older | judged).items())
    return Timeline(tuple(calendar.start(at + 1) for at, _ in points), tuple(z for _, z in points), len(judged))
