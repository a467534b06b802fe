"""A log against its reference: for each cohort one test a statistic, one limit for all of them; one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from pipelines.errors import DataError
from pipelines.watch.cohorts import FLEET, Cohort, places
from pipelines.watch.null import Deviation, Rule, bounded, deviation, independent, judgements, part_size
from pipelines.watch.scale import Scale, learn_scale
from pipelines.watch.threshold import Null, levels
from pipelines.watch.windows import DeviceWindows, Float, Horizons, Statistic, together

DEVICES = 4  # held-back devices without which there is no null
NEWEST = -1  # the calendar counts back from the log's newest row


@dataclass(frozen=True)
class Test:
    """One statistic's test in a cohort. value, limit: null sd, k-th largest of the newest m windows.

    value None: nothing to judge. rises: the direction. points: (calendar window, deviation in null sd), the newest m.
    """

    name: str
    cohort: str
    about: Literal["input", "prediction", "residual"]
    value: float | None
    limit: float
    passed: bool
    rises: bool
    points: tuple[tuple[float, float], ...]
    sentence: str

    @property
    def hits(self) -> tuple[int, ...]:
        """Calendar windows beyond the limit, the oldest first."""
        sign = 1.0 if self.rises else -1.0
        return tuple(sorted(round(at) for at, z in self.points if sign * z > self.limit))

    @property
    def channel(self) -> str | None:
        """The channel that an input's statistic is of."""
        return self.name.rpartition(".")[0] or None


@dataclass(frozen=True)
class CohortVerdict:
    """tests: of every statistic. chance: that a healthy cohort shows as much. limit: of all its tests, in null sd."""

    cohort: Cohort
    tests: tuple[Test, ...]
    chance: float
    limit: float
    devices: int
    reference_devices: int

    @property
    def failed(self) -> tuple[Test, ...]:
        """The tests that failed, the farthest first."""
        return tuple(sorted((t for t in self.tests if not t.passed), key=lambda t: -(t.value or 0.0)))


@dataclass(frozen=True)
class Verdict:
    """nominal: the chance that one healthy cohort decision alarms, k of the newest m windows, over all statistics."""

    cohorts: tuple[CohortVerdict, ...]
    nominal: float
    k: int
    m: int
    devices: int
    reference_devices: int
    reference_windows: int

    @property
    def tests(self) -> tuple[Test, ...]:
        """Of all cohorts."""
        return tuple(test for cohort in self.cohorts for test in cohort.tests)

    @property
    def drift(self) -> bool:
        return any(not test.passed for test in self.tests)

    @property
    def stated(self) -> str:
        """The rate of false alarms, in words."""
        parts = len(self.cohorts) - 1
        shared = f"; half of it is the fleet's, half its {parts} cohorts', by Benjamini-Hochberg" if parts > 0 else ""
        return (
            f"{self.nominal:.0%} of healthy cohort decisions would alarm, over all channels; "
            f"{self.k} of the newest {self.m} windows{shared}"
        )

    @property
    def sentence(self) -> str:
        """The verdict, to be read aloud."""
        judged = [t for t in self.tests if t.value is not None]
        if not self.drift:
            worst = max(judged, key=lambda t: (t.value or 0.0) / t.limit)
            return (
                f"no drift in {len(judged)} statistics of {self.devices} devices; nearest: {worst.cohort}: "
                f"{worst.sentence} ({self.stated})"
            )
        failed = sorted((t for t in judged if not t.passed), key=lambda t: -(t.value or 0.0) / t.limit)
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        told = "; ".join(f"{t.cohort}: {t.sentence}" for t in failed[:3])
        return f"drift: {told}{more} ({self.stated})"


@dataclass
class Reference:
    """A reference made ready: bounds, scale, and the nulls of logs of each size that was asked for."""

    windows: DeviceWindows
    rule: Rule
    horizons: Horizons
    past: DeviceWindows | None = None  # of devices that the reference does not have: their own usual levels
    scale: Scale = field(init=False)
    _known: DeviceWindows = field(init=False)
    _nulls: dict[tuple[int, float, int, int], Null] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        healthy = self.healthy_windows
        if len(self.windows.values) < DEVICES or healthy < self.rule.null_windows:
            raise DataError(
                f"the reference has {len(self.windows.values)} held-back devices with {healthy} healthy windows; a "
                f"threshold needs {DEVICES} and {self.rule.null_windows}: a larger split.calibration or a shorter "
                "watch.window gives more"
            )
        self._raw = self.windows
        self.windows = bounded(self._raw, self._raw)[0]
        self.scale = learn_scale(self.windows)
        self._known = self.knowing(self.past)._known

    def knowing(self, past: DeviceWindows | None) -> Reference:
        """The same, thresholds and all, with the past of other devices."""
        found = copy(self)
        limited = () if past is None else (_inputs_of(past),)
        parts = bounded(self._raw, *limited)[1:]
        found._known = together(self.windows, parts[0]) if parts else self.windows
        return found

    @property
    def healthy_windows(self) -> int:
        """Device windows known to be healthy."""
        return int(self.windows.healthy.sum())

    def cut(self, log: DeviceWindows) -> DeviceWindows:
        """A log with outlying values of robust statistics cut at the reference's limits."""
        return bounded(self._raw, log)[1]

    def away(self, log: DeviceWindows, rule: Rule, end: int = NEWEST) -> Deviation:
        """How far a log's newest windows lie from the reference, seen at the end of a calendar window."""
        return deviation(log, end, self.windows, self.scale, rule, self.horizons, self._known)

    def null(self, log: DeviceWindows, rule: Rule) -> Null:
        """The null of logs of as many devices, and as many strangers among them (to a quarter)."""
        size = part_size(log, self.windows)
        strangers = float(np.mean([name not in self._known.devices for name in log.devices]))
        strangers = round(4 * strangers) / 4
        key = (size, strangers, rule.k, rule.m)
        if key not in self._nulls:
            evidence = judgements(size, strangers, self.windows, rule, self.horizons)
            self._nulls[key] = Null(evidence, independent(log, self.windows, rule.m))
        return self._nulls[key]


def _inputs_of(past: DeviceWindows) -> DeviceWindows:
    """Without answers and errors: the model was trained on some of these devices and knows them too well."""
    inputs = np.array([s.about == "input" for s in past.statistics])
    return replace(past, values=np.where(inputs, past.values, np.nan))


def points_of(away: Deviation, place: int) -> tuple[tuple[float, float], ...]:
    """A statistic's windows, the newest first: where on the calendar, and how far off."""
    pairs = zip(away.column[:, place].tolist(), away.z[:, place].tolist(), strict=True)
    return tuple((at, z) for at, z in pairs if np.isfinite(at) and np.isfinite(z))


def judge(
    log: DeviceWindows, reference: DeviceWindows, rule: Rule, horizons: Horizons, cohorts: Sequence[Cohort] = ()
) -> Verdict:
    """Judge the newest windows of a log, as one fleet by default. Raises DataError where either side is too small."""
    return judge_against(log, Reference(reference, rule, horizons), cohorts)


def judge_against(log: DeviceWindows, reference: Reference, cohorts: Sequence[Cohort] = ()) -> Verdict:
    """The same against a reference that has been made ready."""
    log, rule = reference.cut(log), reference.rule
    groups = [(c, log.take(at)) for c in cohorts or (Cohort(FLEET, log.devices),) if len(at := _at(c, log))]
    found = [_evidence(part, reference, rule) for _, part in groups]
    if all(not np.isfinite(e.evidence).any() for e in found):
        raise DataError("the log has no full window of any device; gather more rows, or shorten watch.window")
    chances = [e.null.chance(float(np.max(e.evidence))) for e in found]
    common = levels(chances, [cohort.whole for cohort, _ in groups], rule.nominal)
    told = zip(groups, found, chances, common, strict=True)
    verdicts = tuple(_verdict(group, seen, chance, own, reference) for group, seen, chance, own in told)
    many = len(reference.windows.values)
    return Verdict(verdicts, rule.nominal, rule.k, rule.m, len(log.values), many, reference.healthy_windows)


@dataclass(frozen=True)
class _Evidence:
    """What a cohort shows: evidence (S,), against which null."""

    away: Deviation
    evidence: Float
    null: Null
    rule: Rule


def _at(cohort: Cohort, log: DeviceWindows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(places(cohort, log.devices), dtype=np.int64)


def _evidence(log: DeviceWindows, reference: Reference, rule: Rule) -> _Evidence:
    rule = _as_long_as(log, rule)
    away = reference.away(log, rule)
    evidence = away.evidence(rule.k, np.array([s.rises_only for s in log.statistics]))
    return _Evidence(away, evidence, reference.null(log, rule), rule)


def _as_long_as(log: DeviceWindows, rule: Rule) -> Rule:
    """k of m for a log that has fewer windows than m."""
    windows = int(np.isfinite(log.values).any(axis=2).sum(axis=1).max(initial=0))
    m = max(1, min(rule.m, windows))
    return replace(rule, k=min(rule.k, m), m=m)


def _verdict(
    group: tuple[Cohort, DeviceWindows],
    seen: _Evidence,
    chance: float,
    own: float,
    reference: Reference,
) -> CohortVerdict:
    cohort, log = group
    limit = seen.null.limit(own)
    tests = tuple(_test(s, i, cohort.name, limit, seen) for i, s in enumerate(log.statistics))
    known = sum(name in set(log.devices) for name in reference.windows.devices)
    return CohortVerdict(cohort, tests, chance, limit, len(log.devices), known)


def _test(statistic: Statistic, place: int, cohort: str, limit: float, seen: _Evidence) -> Test:
    value, away = float(seen.evidence[place]), seen.away
    if not np.isfinite(value):
        why = "no outcome is known yet" if statistic.group == "outcome" else "too few windows"
        return Test(statistic.name, cohort, statistic.about, None, limit, True, False, (), f"{statistic.name}: {why}")
    z = away.z[:, place]
    rank = int(np.nanargmin(np.abs(np.abs(z) - value)))
    now, before = away.mean[rank, place], away.centre[place]
    rises = bool(now > before)
    points = points_of(away, place)
    sentence = (
        f"{statistic.name} {'rose' if rises else 'fell'} from {before:.4g} to {now:.4g}, {value:.1f} null sd (limit "
        f"{limit:.1f}, {int(away.devices[rank, place])} devices)"
    )
    return Test(statistic.name, cohort, statistic.about, value, limit, value <= limit, rises, points, sentence)
