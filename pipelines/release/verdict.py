"""Whether a candidate may replace the champion, in figures and in a sentence that can be read aloud."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.params import ReleaseSpec
from pipelines.report.words import metric, money, number


@dataclass(frozen=True)
class Side:
    """One of the two, on the rows that both answered. loss: in the measure's unit. cost: money a device."""

    loss: float
    cost: float
    warned: float | None  # share of failures warned of in time, where there were any


@dataclass(frozen=True)
class Verdict:
    """difference: candidate less champion; low, high: 95 % of it over devices drawn anew. Lower loss is better."""

    passed: bool
    sentence: str
    rule: str
    measure: str
    candidate: Side
    champion: Side
    version: int  # of the champion
    difference: float
    low: float
    high: float
    rows: int
    devices: int


def judge(
    candidate: Side,
    champion: Side,
    interval: tuple[float, float],
    spec: ReleaseSpec,
    *,
    measure: str,
    unit: str,
    currency: str,
    version: int,
    rows: int,
    devices: int,
) -> Verdict:
    """Apply the rule of `use_cases.<name>.release` to the two losses and the interval of their difference."""
    low, high = interval
    gap = candidate.loss - champion.loss
    passed, why = _rule(gap, low, high, champion.loss, spec)
    units = f" {unit}" if unit else ""
    money_apart = (
        f"In money: candidate {money(candidate.cost, currency)} a device, champion {money(champion.cost, currency)}"
    )
    sentence = (
        f"{metric(measure)} of the candidate {number(candidate.loss)}{units}, of the champion (release {version}) "
        f"{number(champion.loss)}, on the same {rows:,} rows of {devices} held-out devices: difference {number(gap)}, "
        f"95 % {number(low)} to {number(high)}; {why}. {money_apart}"
    )
    return Verdict(
        passed, sentence, spec.rule, measure, candidate, champion, version, gap, low, high, rows, devices
    )  # fmt: skip


def _rule(gap: float, low: float, high: float, loss: float, spec: ReleaseSpec) -> tuple[bool, str]:
    if spec.rule == "better":
        better = high < 0
        return better, "it is better" if better else "it is not shown to be better (release.rule: better)"
    if abs(gap) <= spec.even_within * loss:
        return True, "it is as good"
    if low > 0:
        return False, "it is worse"
    if gap > spec.worse_max * loss:
        return False, f"it looks worse by more than {spec.worse_max:.0%} of the champion's (release.worse_max)"
    return True, "it is better" if high < 0 else "it is not worse"
