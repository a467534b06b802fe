"""Whose fault it is: a sensor's, where one device shows it; upstream's, where a cohort does; none, where all do."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipelines.watch.cohorts import Cohort
from pipelines.watch.finding import Finding
from pipelines.watch.sensors import Fault

FEW = 3  # devices from which on one cause is looked for
FITS = 0.7  # how well a cohort must cover the devices that show it and they it (F1)
WORLD = 0.25  # share of the fleet from which on a step that no cohort explains is the world's


def sort_faults(
    use_case: str, faults: Sequence[Fault], cohorts: Sequence[Cohort], devices: pd.DataFrame, last_seen: str
) -> tuple[Finding, ...]:
    """Faults by cause. devices: device, from (UTC), firmware: a change of firmware names the cause.

    A step in all the fleet is none: it is left to the cohorts' tests.
    """
    findings: list[Finding] = []
    fleet = max((len(c.devices) for c in cohorts), default=1)
    for channel, stepped in sorted({(f.channel, f.kind == "offset") for f in faults}):
        alike = [f for f in faults if (f.channel, f.kind == "offset") == (channel, stepped)]
        same = [f for f in alike if not f.weak]
        if len(same) >= FEW:
            same = [f for f in alike if not f.weak or _beside(f, same)]
        cohort = _cohort_of(same, cohorts) if len(same) >= FEW else None
        updated = _updated(same, devices)
        if cohort is not None and not (cohort.whole and stepped and 2 * updated < len(same)):
            findings.append(_upstream(use_case, same, cohort, updated, last_seen))
        elif not (len(same) >= FEW and stepped and len(same) >= WORLD * fleet):
            findings += [_sensor(use_case, fault, last_seen) for fault in same if not fault.weak]
    return tuple(findings)


def _beside(weak: Fault, strong: Sequence[Fault]) -> bool:
    """Whether most strong faults began within a day of a weak one: one cause."""
    return 2 * sum(abs(weak.since - fault.since) <= pd.Timedelta(days=1) for fault in strong) > len(strong)


def _cohort_of(faults: Sequence[Fault], cohorts: Sequence[Cohort]) -> Cohort | None:
    """The cohort that the faulty devices are, as nearly as FITS; the smaller one where two fit as well."""
    shown = {f.device for f in faults}

    def fit(cohort: Cohort) -> float:
        both = len(shown & set(cohort.devices))
        return 2 * both / (len(shown) + len(cohort.devices))

    best = max(cohorts, key=lambda c: (fit(c), -len(c.devices)), default=None)
    return best if best is not None and fit(best) >= FITS else None


def _updated(faults: Sequence[Fault], devices: pd.DataFrame) -> int:
    """How many of the devices changed their firmware when the fault began, to a day."""
    day = pd.Timedelta(days=1)
    found = 0
    for fault in faults:
        changes = devices.loc[devices["device"] == fault.device, "from"].sort_values().iloc[1:]
        found += bool(((changes - fault.since).abs() <= day).any())
    return found


def _upstream(use_case: str, faults: Sequence[Fault], cohort: Cohort, updated: int, last_seen: str) -> Finding:
    first = min(faults, key=lambda f: f.since)
    inside = sum(f.device in set(cohort.devices) for f in faults)
    evidence = [
        f"{inside} of the {len(cohort.devices)} devices of {cohort.name} show it, {len(faults) - inside} others",
        f"{first.device}: {first.sentence}",
    ]
    if updated:
        evidence.append(f"{updated} of them changed their firmware within a day of it")
    return Finding(
        use_case, "upstream_change", cohort.name, (first.channel,), _iso(first.since), last_seen, tuple(evidence), False
    )


def _sensor(use_case: str, fault: Fault, last_seen: str) -> Finding:
    return Finding(
        use_case, "sensor_fault", fault.device, (fault.channel,), _iso(fault.since), last_seen, (fault.sentence,), False
    )


def _iso(moment: pd.Timestamp) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
