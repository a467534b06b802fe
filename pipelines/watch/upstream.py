"""Whose fault it is: a sensor's, where one device shows it; upstream's, where a cohort does; none, where all do."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipelines.watch.cohorts import Cohort
from pipelines.watch.finding import Finding
from pipelines.watch.sensors import FEW, Fault

FITS = 0.7  # how well a cohort must cover the devices that show it and they it (F1)
DAY, BEFORE = pd.Timedelta(days=1), pd.Timedelta(days=30)  # how long after an update a fault may be seen
WORLD = 0.25  # share of the fleet from which on a step that no cohort explains is the world's


def sort_faults(
    use_case: str, faults: Sequence[Fault], cohorts: Sequence[Cohort], devices: pd.DataFrame, last_seen: str
) -> tuple[Finding, ...]:
    """Faults by cause. devices: device, from (UTC), firmware: a change of firmware names the cause.

    A step in all the fleet is none: it is left to the cohorts' tests.
    """
    findings: list[Finding] = []
    fleet = max((len(c.devices) for c in cohorts), default=1)
    for stepped, same in _alike(faults, cohorts):
        cohort = _cohort_of(same, cohorts)
        updates = _updates(same, devices)
        if cohort is not None and not (cohort.whole and stepped and 2 * len(updates) < len(same)):
            findings.append(_upstream(use_case, same, cohort, updates, last_seen))
        elif not (len(same) >= FEW and stepped and len(same) >= WORLD * fleet):
            findings += [_sensor(use_case, fault, last_seen) for fault in same if not fault.weak]
    return tuple(findings)


def _alike(faults: Sequence[Fault], cohorts: Sequence[Cohort]) -> list[tuple[bool, list[Fault]]]:
    """Faults that may have one cause, and whether they are steps: those of a channel, all of them where they fit a part
    of the fleet (another unit drives some values out of range), else steps apart from what is stuck or gone."""
    found = []
    for channel in sorted({f.channel for f in faults}):
        of_channel = [f for f in faults if f.channel == channel]
        cohort = _cohort_of(_counted(of_channel), cohorts)
        if cohort is not None and not cohort.whole:
            found.append((False, _counted(of_channel)))
            continue
        parts = ([f for f in of_channel if (f.kind == "offset") is stepped] for stepped in (False, True))
        found += [(stepped, _counted(part)) for stepped, part in zip((False, True), parts, strict=True) if part]
    return found


def _counted(faults: list[Fault]) -> list[Fault]:
    """Without the weak ones, except where there are enough strong ones beside which they began."""
    strong = [f for f in faults if not f.weak]
    return strong if len(strong) < FEW else [f for f in faults if not f.weak or _beside(f, strong)]


def _beside(weak: Fault, strong: Sequence[Fault]) -> bool:
    """Whether most strong faults began within a day of a weak one: one cause."""
    return 2 * sum(abs(weak.since - fault.since) <= DAY for fault in strong) > len(strong)


def _cohort_of(faults: Sequence[Fault], cohorts: Sequence[Cohort]) -> Cohort | None:
    """The cohort that the faulty devices are, as nearly as FITS; the smaller one where two fit as well.

    None where they are fewer than FEW.
    """
    shown = {f.device for f in faults}
    if len(faults) < FEW:
        return None

    def fit(cohort: Cohort) -> float:
        both = len(shown & set(cohort.devices))
        return 2 * both / (len(shown) + len(cohort.devices))

    best = max(cohorts, key=lambda c: (fit(c), -len(c.devices)), default=None)
    return best if best is not None and fit(best) >= FITS else None


def _updates(faults: Sequence[Fault], devices: pd.DataFrame) -> list[pd.Timestamp]:
    """When the devices changed their firmware shortly before their fault was seen, those that did."""
    found = []
    for fault in faults:
        changes = devices.loc[devices["device"] == fault.device, "from"].sort_values().iloc[1:]
        near = changes[(changes > fault.since - BEFORE) & (changes <= fault.since + DAY)]
        found += [near.iloc[-1]] if len(near) else []
    return found


def _upstream(
    use_case: str, faults: Sequence[Fault], cohort: Cohort, updates: Sequence[pd.Timestamp], last_seen: str
) -> Finding:
    first = min(faults, key=lambda f: f.since)
    inside, since = sum(f.device in set(cohort.devices) for f in faults), first.since
    evidence = [
        f"{inside} of the {len(cohort.devices)} devices of {cohort.name} show it, {len(faults) - inside} others",
        f"{first.device}: {first.sentence}",
    ]
    if 2 * len(updates) > len(faults):
        since = min(since, *updates)
        evidence.append(f"{len(updates)} of them had changed their firmware, the first on {since:%Y-%m-%d}")
    channels = (first.channel,)
    return Finding(
        use_case, "upstream_change", cohort.name, channels, _iso(since), last_seen, tuple(evidence), retrain=False
    )


def _sensor(use_case: str, fault: Fault, last_seen: str) -> Finding:
    return Finding(
        use_case, "sensor_fault", fault.device, (fault.channel,), _iso(fault.since), last_seen, (fault.sentence,), False
    )


def _iso(moment: pd.Timestamp) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
