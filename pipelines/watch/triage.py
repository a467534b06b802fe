"""From tests that failed to findings: where the change lies, what kind it is, whether learning anew can cure it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipelines.watch.cohorts import Cohort
from pipelines.watch.finding import Finding, Kind
from pipelines.watch.judge import Test, Verdict

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

    elsewhere: whether the devices outside a cohort show a failed test's change too. A channel's change is that of the
    cohort that shows it most and beside which nobody shows it; where there is none it is the fleet's.
    """
    failed: dict[str, list[Test]] = {}
    for cohort in verdict.cohorts:
        for test in cohort.failed:
            failed.setdefault(test.channel or test.name, []).append(test)
    known = {c.cohort.name: c.cohort for c in verdict.cohorts}
    found: dict[str, list[Test]] = {}
    for tests in failed.values():
        chosen = _smallest(tests, known, elsewhere)
        found.setdefault(chosen, []).extend(t for t in tests if t.cohort == chosen)
    return _folded([Change(known[name], tuple(tests)) for name, tests in found.items()])


def _folded(changes: list[Change]) -> tuple[Change, ...]:
    """Answers that moved in part of a cohort whose inputs moved belong to that change, not to one of their own."""
    causes = [c for c in changes if c.channels]
    found = {c.cohort.name: c for c in changes}
    for change in changes:
        wider = [c for c in causes if set(change.cohort.devices) < set(c.cohort.devices)]
        if wider and not change.channels and not change.about("residual") and not change.about("input"):
            del found[change.cohort.name]
            cause = found[wider[0].cohort.name]
            found[cause.cohort.name] = replace(cause, tests=(*cause.tests, *change.tests))
    return tuple(found.values())


def _smallest(tests: list[Test], known: dict[str, Cohort], elsewhere: Callable[[Test, Cohort], bool]) -> str:
    by_cohort: dict[str, list[Test]] = {}
    for test in sorted(tests, key=lambda t: -(t.value or 0.0) / t.limit):
        by_cohort.setdefault(test.cohort, []).append(test)
    for name, failed in by_cohort.items():
        if not known[name].whole and not any(elsewhere(test, known[name]) for test in failed):
            return name
    whole = [name for name in by_cohort if known[name].whole]
    return (whole or list(by_cohort))[0]


def classify(change: Change, unseen: Callable[[Cohort, str], float], limit: float) -> Ruling:
    """What a change is, and whether learning anew may cure it.

    unseen: the share of a cohort's newest values of a channel that lie outside what the model has learnt from; limit:
    the share above which the model is asked what it cannot know.
    """
    said = tuple(t.sentence for t in sorted(change.tests, key=lambda t: -(t.value or 0.0)))
    makers = change.cohort.name.startswith(("vendor=", "firmware="))
    if makers and len(change.channels) == 1:
        return "upstream_change", False, (*said, "one channel of one maker's devices: theirs to explain")
    if change.about("residual"):
        return "concept_drift", True, (*said, "the outcomes confirm it: the model errs more than it did")
    if not change.channels:
        missing = any(t.name == "missing" for t in change.tests)
        if missing:
            return "upstream_change", False, (*said, "what is not sent cannot be learnt from")
        return "new_regime", False, (*said, "no input moved with the answers: waiting for outcomes")
    why = _confirmed(change, unseen, limit)
    return (
        "new_regime",
        bool(why),
        (*said, why or "the model's answers and errors are as ever: waiting for them to move"),
    )


def _confirmed(change: Change, unseen: Callable[[Cohort, str], float], limit: float) -> str:
    """Why a new regime matters to the model; empty where nothing says so yet."""
    if change.about("prediction"):
        return "the model's own answers moved with it"
    shares = {channel: unseen(change.cohort, channel) for channel in change.channels}
    strange = {channel: share for channel, share in shares.items() if share > limit}
    if strange:
        told = ", ".join(f"{share:.0%} of {channel}" for channel, share in strange.items())
        return f"{told} lie outside what the model has learnt from"
    if len(change.channels) > 1:
        return f"{len(change.channels)} channels moved together"
    return ""


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
