"""The model card: what was asked, how well it is answered, for whom less well, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipelines.evaluate.card_figures import Curves, Importance, decision_figures, model_figures, truth_figures
from pipelines.evaluate.judgement import Judgement, Question
from pipelines.evaluate.scores import CANDIDATES, MODELS
from pipelines.report.page import Cell, Fact, Page, Section, Table
from pipelines.report.words import label, metric, money, number, share

DECISION_METRICS = ("cost_per_device", "warned_share", "failures", "early_periods", "alarms_per_device_day", "coverage")


def model_card(scores: pd.DataFrame, found: Judgement, ask: Question, importance: Importance, curves: Curves) -> Page:
    """The card of all models of a use case, judged on the test side."""
    test = scores[scores["side"] == "test"].reset_index(drop=True)
    return Page(
        title=ask.title,
        kicker=f"Model card · use case {ask.use_case} · {_sides(scores)}",
        verdict=_verdict(found),
        facts=_facts(found, ask),
        sections=(
            Section("Scores", _protocol(ask, found), (_score_table(found, ask), *truth_figures(test, found, ask))),
            Section("Gates", (), (gate_table(found),)),
            Section(
                "Decisions", _decision_text(ask), (_decision_table(found, ask), *decision_figures(test, found, ask))
            ),
            Section("Slices", (), _slice_tables(found, ask)),
            Section("Models", (), tuple(model_figures(test, found, ask, importance, curves))),
            Section("Limits", _limits(found, ask)),
        ),
    )


def _verdict(found: Judgement) -> Cell:
    passed = [label(found.decisions[m].kind) for m in CANDIDATES if found.verdict.passed[m]]
    failed = [sentence for m in CANDIDATES for sentence in found.verdict.failures(m)[:1]]
    said = f"{' and '.join(passed)} passed every gate." if passed else "No model passed every gate: nothing may ship."
    return Cell(" ".join([said, *(f"{sentence}." for sentence in failed)]), "good" if passed else "bad")


def _sides(scores: pd.DataFrame) -> str:
    parts = [f"{frame['device'].nunique()} {side} devices" for side, frame in scores.groupby("side", sort=True)]
    return ", ".join(parts)


def _facts(found: Judgement, ask: Question) -> tuple[Fact, ...]:
    name = ask.task.primary
    facts = []
    for model in CANDIDATES:
        value, naive = found.metrics[model]["test"].get(name), found.metrics["naive"]["test"].get(name)
        words = f"{number(value)} {ask.unit}".strip()
        facts.append(Fact(f"{label(found.decisions[model].kind)} {metric(name)}", words, f"naive {number(naive)}"))
    best = min(CANDIDATES, key=lambda m: found.metrics[m]["test"]["cost_per_device"])
    costs = {m: found.metrics[m]["test"]["cost_per_device"] for m in (best, "naive")}
    currency = ask.decision.currency
    facts.append(Fact("Cost a device", money(costs[best], currency), f"naive {money(costs['naive'], currency)}"))
    facts.append(Fact("Failures warned in time", share(found.metrics[best]["test"].get("warned_share")), "test side"))
    return tuple(facts)


def _protocol(ask: Question, found: Judgement) -> tuple[str, ...]:
    question = f"Asked: {ask.task.phrase(ask.decision.period)}. Judged on the test devices, of which no model, scaler, "
    rest = "threshold or interval has seen a row. Intervals are 95 % of a bootstrap that draws whole devices."
    return (question + rest,)


def _score_table(found: Judgement, ask: Question) -> Table:
    names = [m for m in found.metrics["sequence"]["test"] if m not in DECISION_METRICS]
    rows: list[tuple[Cell | str, ...]] = []
    for name in names:
        main = name == ask.task.primary
        values = [number(found.metrics[m]["test"].get(name)) for m in MODELS]
        if main:
            values = [f"{v} ({_span(found, m)})" for v, m in zip(values, MODELS, strict=True)]
        rows.append(
            (Cell(metric(name), "strong" if main else ""), *(Cell(v, "strong" if main else "") for v in values))
        )
    return Table("Test side", ("", *_labels(found)), tuple(rows))


def _span(found: Judgement, model: str) -> str:
    low, high = found.primary_95.get(model, (float("nan"), float("nan")))
    return f"{number(low)} to {number(high)}"


def gate_table(found: Judgement) -> Table:
    """Every gate on every candidate."""
    rows = tuple(
        (
            label(found.decisions[row.model].kind),
            row.gate,
            Cell("passed", "good") if row.passed else Cell("failed", "bad"),
            Cell(row.reason.split(": ", 1)[1], "muted"),
        )
        for row in found.verdict.rows
    )
    return Table("", ("model", "gate", "verdict", "because"), rows, words=4)


def _decision_text(ask: Question) -> tuple[str, ...]:
    d = ask.decision
    return (
        f"Action: {d.action}, after {d.consecutive} rows in a row beyond the threshold. The first action of a life "
        f"counts and ends it. It is in time with at least {d.lead:g} {d.period}s left. A failure missed costs "
        f"{money(d.cost_missed, d.currency)}, an action {money(d.cost_action, d.currency)}, each {d.period} of life "
        f"thrown away by acting earlier than needed {money(d.cost_early, d.currency)}. "
        "Costs of all lives are taken over the time they were used, as a rate, and told for a device's mean history. "
        "The threshold is the one of least cost on the calibration side.",
    )


def _decision_table(found: Judgement, ask: Question) -> Table:
    def row(name: str, values: list[str]) -> tuple[Cell | str, ...]:
        return (name, *values)

    test = {m: found.metrics[m]["test"] for m in MODELS}
    learnt = [found.decisions[m] for m in MODELS]
    currency = ask.decision.currency
    rows = (
        row(_with_unit("threshold", ask), [number(one.decision.threshold) for one in learnt]),
        row("cost a device, calibration", [_cost(found, m, "calibration", currency) for m in MODELS]),
        row("cost a device, test", [_cost(found, m, "test", currency) for m in MODELS]),
        row("failures warned in time", [warned(test[m]) for m in MODELS]),
        row(f"median warning, {ask.decision.period}s", [number(test[m].get("early_periods")) for m in MODELS]),
        row("alarms a device-day", [number(test[m]["alarms_per_device_day"]) for m in MODELS]),
        row(_with_unit(f"{ask.evaluate.coverage:.0%} interval, +-", ask), [number(one.interval) for one in learnt]),
        row("its coverage on the test side", [share(test[m].get("coverage")) for m in MODELS]),
    )
    return Table("", ("", *_labels(found)), rows)


def warned(metrics: Mapping[str, float]) -> str:
    """ "17 of 26 (65.4%)": failures warned of in time, of those that could have been."""
    failures, part = metrics["failures"], metrics.get("warned_share")
    return "–" if part is None else f"{part * failures:.0f} of {failures:.0f} ({share(part)})"


def _cost(found: Judgement, model: str, side: str, currency: str) -> str:
    return money(found.metrics[model][side]["cost_per_device"], currency)


def _with_unit(text: str, ask: Question) -> str:
    return f"{text}, {ask.unit}" if ask.unit else text


def _slice_tables(found: Judgement, ask: Question) -> tuple[Table, ...]:
    return tuple(_slice_table(kind, found, ask) for kind in ask.evaluate.slices)


def _slice_table(kind: str, found: Judgement, ask: Question) -> Table:
    shown = [m for m in (ask.task.primary, "roc_auc", "bias") if m in found.metrics["sequence"]["test"]]
    columns = [f"{_labels(found)[MODELS.index(m)]} {metric(name)}" for name in shown for m in CANDIDATES]
    rows = []
    for value, facts in found.slices["sequence"][kind].items():
        cells = [number(found.slices[m][kind][value].get(name)) for name in shown for m in CANDIDATES]
        rows.append((value, f"{facts['devices']:.0f}", f"{facts['rows']:,.0f}", *cells))
    name = _with_unit(kind, ask) if kind == "target" else kind
    return Table(f"By {name}", (name, "devices", "rows", *columns), tuple(rows))


def _labels(found: Judgement) -> tuple[str, ...]:
    return tuple(label(found.decisions[m].kind) for m in MODELS)


def _limits(found: Judgement, ask: Question) -> tuple[str, ...]:
    d = ask.decision
    return (
        f"With more than {d.max_missing:.0%} of the channels missing the fallback answers; with more than "
        f"{d.abstain_missing:.0%} nobody does, and the device says so.",
        "Costs assume that acting in time prevents the failure. Where a device's failure lies beyond its rows, what an "
        "action threw away is counted to the last row: a lower bound.",
        "Intervals hold for devices like those of the calibration side, on average over rows, not for each device.",
    )
