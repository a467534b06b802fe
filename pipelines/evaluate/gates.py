"""Gates: data in, verdict out. A metric that is missing is a gate that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.params import GateSpec
from pipelines.report.words import label, metric, number

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """One model's metrics on the test side, overall and by slice (slice -> value -> metrics)."""

    kind: str
    overall: Metrics
    slices: Mapping[str, Mapping[str, Metrics]]


@dataclass(frozen=True)
class GateResult:
    """One gate on one model; `reason` can be read aloud."""

    model: str
    gate: str
    metric: str
    slice: str | None
    value: float | None
    limit: float | None
    passed: bool
    reason: str


@dataclass(frozen=True)
class Verdict:
    """All gates on all candidates."""

    rows: tuple[GateResult, ...]
    passed: Mapping[str, bool]

    def to_dict(self) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in self.rows], "passed": dict(self.passed)}

    def failures(self, model: str) -> list[str]:
        """Sentences of the gates that a model failed."""
        return [row.reason for row in self.rows if row.model == model and not row.passed]


def judge(
    gates: Sequence[GateSpec],
    evidence: Mapping[str, Evidence],
    candidates: Sequence[str],
    higher_is_better: frozenset[str],
) -> Verdict:
    """Hold every candidate to every gate; a model is not held against itself."""
    rows = tuple(
        _judge_one(gate, name, evidence, gate.metric in higher_is_better)
        for name in candidates
        for gate in gates
        if gate.against != name
    )
    passed = {name: all(row.passed for row in rows if row.model == name) for name in candidates}
    return Verdict(rows, passed)


def _judge_one(gate: GateSpec, name: str, evidence: Mapping[str, Evidence], higher: bool) -> GateResult:
    at_least = gate.at_least is not None if gate.against is None else higher
    limit, limit_words = _limit(gate, evidence)
    value, where, missing = _value(gate, evidence[name], at_least)
    named = f"{metric(gate.metric)}" + (f" by {gate.slice}" if gate.slice else "")
    title = f"{named} {'>=' if at_least else '<='} {limit_words}"
    who = label(evidence[name].kind)

    def result(passed: bool, reason: str) -> GateResult:
        return GateResult(name, title, gate.metric, gate.slice, value, limit, passed, f"{who}: {reason}")

    if missing is not None:
        return result(False, f"{missing}, so the gate {title!r} counts as failed")
    if limit is None or value is None:
        reference = label(evidence[gate.against].kind) if gate.against else "the limit"
        return result(False, f"{metric(gate.metric)} of {reference} is missing, so the gate {title!r} counts as failed")
    passed = value >= limit if at_least else value <= limit
    side = {
        (True, True): "is at least",
        (True, False): "is below",
        (False, True): "is at most",
        (False, False): "exceeds",
    }
    reason = f"{metric(gate.metric)} {_told(value, limit)}{where} {side[at_least, passed]} {limit_words}"
    return result(passed, reason + ("" if gate.against is None else f" = {_told(limit, value)}"))


def _limit(gate: GateSpec, evidence: Mapping[str, Evidence]) -> tuple[float | None, str]:
    if gate.against is None:
        limit = gate.at_least if gate.at_least is not None else gate.at_most
        return limit, f"{limit:g}"
    reference = evidence[gate.against]
    base = reference.overall.get(gate.metric)
    words = f"{gate.factor:g} x {label(reference.kind)}"
    return (None if base is None or gate.factor is None else base * gate.factor), words


def _value(gate: GateSpec, found: Evidence, at_least: bool) -> tuple[float | None, str, str | None]:
    """(value, where it was found, what is missing): overall, or the worst slice."""
    if gate.slice is None:
        value = found.overall.get(gate.metric)
        return value, " on the test devices", None if value is not None else f"{metric(gate.metric)} is missing"
    slices = found.slices.get(gate.slice, {})
    if not slices:
        return None, "", f"there are no slices by {gate.slice}"
    absent = [name for name, metrics in slices.items() if gate.metric not in metrics]
    if absent:
        return None, "", f"{metric(gate.metric)} is missing for {gate.slice} {absent[0]!r}"
    worst = (min if at_least else max)(slices, key=lambda name: slices[name][gate.metric])
    return slices[worst][gate.metric], f" for {gate.slice} {worst!r}, the worst,", None


def _told(value: float, other: float) -> str:
    """Enough digits to tell a value from its limit."""
    for digits in (3, 4, 5):
        if number(value, digits) != number(other, digits) or value == other:
            return number(value, digits)
    return f"{value:.8g}"
