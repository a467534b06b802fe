"""From tests that failed to findings: where the change lies, what kind it is, whether learning anew can cure it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipelines.watch.cohorts import Cohort
from pipelines.watch.finding import Finding, Kind
from pipelines.watch.judge import CohortVerdict, Test, Verdict

EVIDENCE = 4  # sentences a finding quotes
Ruling = tuple[Kind, bool, tuple[str, ...]]
"""Kind, whether it may start a training, and why, in words."""


@dataclass(frozen=True)
class Change:
    """Tests that failed for one reason. cohort: the devices that it can be confined to."""

    cohort: Cohort
    tests: tuple[Test, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Those whose statistics moved, in the order of the tests."""
        return tuple(dict.fromkeys(t.channel for t in self.tests if t.channel is not None))

    def about(self, what: str) -> tuple[Test, ...]:
        """Tests of inputs, predictions or residuals."""
        return tuple(t for t in self.tests if t.about == what)


def confine(verdict: Verdict, elsewhere: Callable[[Test, Cohort], bool]) -> tuple[Change, ...]:
    """The failed tests by the cohort that each change can be confined to.

    elsewhere: whether the devices outside a cohort show a failed test's change too. The strongest cohort beside which
    nobody shows it keeps the change; where there is none it is the fleet's, or the strongest cohort's.
    """
    failed: dict[str, list[Test]] = {}
    for cohort in verdict.cohorts:
        for test in cohort.failed:
            failed.setdefault(test.name, []).append(test)
    known = {c.cohort.name: c for c in verdict.cohorts}
    found: dict[str, list[Test]] = {}
    for tests in failed.values():
        chosen = _smallest(tests, known, elsewhere)
        found.setdefault(chosen.cohort, []).append(chosen)
    return tuple(Change(known[name].cohort, tuple(tests)) for name, tests in found.items())


def _smallest(tests: list[Test], known: dict[str, CohortVerdict], elsewhere: Callable[[Test, Cohort], bool]) -> Test:
    ordered = sorted(tests, key=lambda t: -(t.value or 0.0) / t.limit)
    for test in ordered:
        cohort = known[test.cohort].cohort
        if not cohort.whole and not elsewhere(test, cohort):
            return test
    whole = [t for t in ordered if known[t.cohort].cohort.whole]
    return (whole or ordered)[0]


def classify(change: Change, unseen: Callable[[Cohort, str], float], limit: float) -> Ruling:
    """What a change is, and whether learning anew may cure it.

    unseen: the share of a cohort's newest values of a channel that lie outside what the model has learnt from; limit:
    the share above which the model is asked what it cannot know.
    """
    said = tuple(t.sentence for t in sorted(change.tests, key=lambda t: -(t.value or 0.0)))
    if change.about("residual"):
        return "concept_drift", True, (*said, "the outcomes confirm it: the model errs more than it did")
    if change.about("prediction"):
        return "new_regime", True, (*said, "the model's own answers moved with it")
    strange = {c: share for c in change.channels if (share := unseen(change.cohort, c)) > limit}
    if strange:
        told = ", ".join(f"{share:.0%} of {channel}" for channel, share in strange.items())
        return "new_regime", True, (*said, f"{told} lie outside what the model has learnt from")
    if len(change.channels) > 1:
        return "new_regime", True, (*said, f"{len(change.channels)} channels moved together")
    return "new_regime", False, (*said, "the model's answers and errors are as ever: waiting for either to move")


def as_finding(use_case: str, change: Change, ruling: Ruling, span: tuple[str, str]) -> Finding:
    """The change as a finding; span: first and last seen, ISO."""
    kind, retrain, evidence = ruling
    shown = (*evidence[:-1][: EVIDENCE - 1], evidence[-1])
    return Finding(use_case, kind, change.cohort.name, change.channels, *span, shown, retrain)


def carried(findings: tuple[Finding, ...], before: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Findings that an earlier judgement had already keep the moment at which they were first seen, and so their id."""
    old = {(f.kind, f.cohort, f.channels): f for f in before}
    found = []
    for finding in findings:
        earlier = old.get((finding.kind, finding.cohort, finding.channels))
        same = earlier is not None and earlier.last_seen >= finding.first_seen
        found.append(replace(finding, first_seen=earlier.first_seen) if same and earlier is not None else finding)
    return tuple(found)
