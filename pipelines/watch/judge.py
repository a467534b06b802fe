"""A log against its reference: one test a statistic, one threshold for all, one verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.errors import DataError
from pipelines.watch.null import Deviation, Rule, bounded, deviation, independent, judgements, threshold
from pipelines.watch.scale import learn_scale
from pipelines.watch.windows import DeviceWindows, Horizons, Statistic

DEVICES = 4  # held-back devices without which there is no null
NEWEST = -1  # the calendar counts back from the log's newest row


@dataclass(frozen=True)
class Test:
    """One statistic's test. value, limit: null sd, k-th largest of the newest m windows; None = nothing to judge."""

    name: str
    about: Literal["input", "prediction", "residual"]
    value: float | None
    limit: float
    passed: bool
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """tests: of every statistic. nominal: the chance that a healthy log is called drifted."""

    tests: tuple[Test, ...]
    limit: float
    nominal: float
    k: int
    m: int
    devices: int
    reference_devices: int
    reference_windows: int

    @property
    def drift(self) -> bool:
        return any(not test.passed for test in self.tests)

    @property
    def sentence(self) -> str:
        """The verdict, to be read aloud."""
        stated = f"{self.nominal:.0%} of healthy judgements would alarm; {self.k} of the newest {self.m} windows"
        judged = [t for t in self.tests if t.value is not None]
        if not self.drift:
            worst = max(judged, key=lambda t: t.value or 0.0)
            return (
                f"no drift in {len(judged)} statistics of {self.devices} devices; nearest: {worst.sentence} ({stated})"
            )
        failed = sorted((t for t in judged if not t.passed), key=lambda t: -(t.value or 0.0))
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        return f"drift: {'; '.join(t.sentence for t in failed[:3])}{more} ({stated})"


def judge(log: DeviceWindows, reference: DeviceWindows, rule: Rule, horizons: Horizons) -> Verdict:
    """Judge the newest windows of a log. Raises DataError where either side is too small."""
    healthy = int(reference.healthy.sum())
    if len(reference.values) < DEVICES or healthy < rule.null_windows:
        raise DataError(
            f"the reference has {len(reference.values)} held-back devices with {healthy} healthy windows; a threshold "
            f"needs {DEVICES} and {rule.null_windows}: a larger split.calibration or a shorter watch.window gives more"
        )
    reference, log = bounded(reference, log)
    rule = _as_long_as(log, rule)
    away = deviation(log, NEWEST, reference, learn_scale(reference), rule, horizons)
    evidence = away.evidence(rule.k, np.array([s.rises_only for s in log.statistics]))
    limit = threshold(judgements(log, reference, rule, horizons), independent(log, reference, rule.m), rule.nominal)
    tests = tuple(_test(s, i, float(evidence[i]), limit, away, rule) for i, s in enumerate(log.statistics))
    if all(test.value is None for test in tests):
        raise DataError("the log has no full window of any device; gather more rows, or shorten watch.window")
    return Verdict(tests, limit, rule.nominal, rule.k, rule.m, len(log.values), len(reference.values), healthy)


def _as_long_as(log: DeviceWindows, rule: Rule) -> Rule:
    """k of m for a log that has fewer windows than m."""
    windows = int(np.isfinite(log.values).any(axis=2).sum(axis=1).max(initial=0))
    m = max(1, min(rule.m, windows))
    return Rule(min(rule.k, m), m, rule.nominal, rule.null_windows, rule.seed)


def _test(statistic: Statistic, place: int, value: float, limit: float, away: Deviation, rule: Rule) -> Test:
    if not np.isfinite(value):
        why = "no outcome is known yet" if statistic.group == "outcome" else "too few windows"
        return Test(statistic.name, statistic.about, None, limit, True, f"{statistic.name}: {why}")
    z = away.z[:, place]
    rank = int(np.nanargmin(np.abs(np.abs(z) - value)))
    now, before = away.mean[rank, place], away.centre[place]
    word = "rose" if now > before else "fell"
    sentence = (
        f"{statistic.name} {word} from {before:.4g} to {now:.4g}, {value:.1f} null sd (limit {limit:.1f}, "
        f"{int(away.devices[rank, place])} devices)"
    )
    return Test(statistic.name, statistic.about, value, limit, value <= limit, sentence)
