"""The one file that speaks to Evidently: our tests as its metrics in one saved report, its preset shown beside.

The statistics and thresholds are ours (`null`); in the report each is a metric with its own test, so that the report
alone says what was judged and how it came out. Evidently's own drift preset compares a small sample and decides
nothing: its tests assume independent rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.files import write_bytes
from pipelines.watch.finding import Finding
from pipelines.watch.judge import Test, Verdict
from pipelines.watch.performance import Performance
from pipelines.watch.timeline import Timeline

VERDICT = "verdict"


@dataclass(frozen=True)
class Shown:
    """What the preset is shown: two samples of rows (reference, log) and their numeric columns."""

    reference: pd.DataFrame
    log: pd.DataFrame
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What the report tells. timelines: of the tests that failed, by (cohort, statistic)."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    timelines: dict[tuple[str, str], Timeline]
    sentence: str
    performance: Performance | None


def save_report(
    told: Told, shown: Shown, files: tuple[Path, Path], workspace: Path, project: str, moment: pd.Timestamp
) -> None:
    """Run the report; save it as HTML and JSON (`files`), and in the workspace's project. moment: what it is dated.

    First what was found, then the tests that failed with their timelines, then the others, then the preset.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    judged = sorted((t for t in told.verdict.tests if t.value is not None), key=lambda t: t.passed)
    metrics = [_headline(told), *([] if told.performance is None else [_performance(told.performance)])]
    metrics += [*(_metric(t, told.timelines.get((t.cohort, t.name))) for t in judged)]
    metrics += [DataDriftPreset()] if shown.columns else []
    definition = DataDefinition(numerical_columns=list(shown.columns))
    log, reference = (
        Dataset.from_pandas(frame[list(shown.columns)], data_definition=definition)
        for frame in (shown.log, shown.reference)
    )
    tags: list[str] = sorted({f.kind for f in told.findings}) or ["healthy"]
    run = Report(metrics, tags=tags).run(log, reference, timestamp=moment.to_pydatetime())
    html, record = files
    write_bytes(record, (json.dumps(json.loads(run.json()), indent=1, sort_keys=True) + "\n").encode())
    run.save_html(str(html))
    _keep(run, workspace, project)


def both_have(reference: pd.DataFrame, log: pd.DataFrame) -> tuple[str, ...]:
    """The columns that both samples have values of."""
    return tuple(str(c) for c in reference if reference[c].notna().any() and log[c].notna().any())


def _keep(run: Any, workspace: Path, project: str) -> None:
    """Put the run into the history that `evidently ui --workspace` browses."""
    from evidently.ui.workspace import Workspace

    workspace.mkdir(parents=True, exist_ok=True)
    history = Workspace.create(str(workspace))
    known = history.search_project(project)
    chosen = known[0] if known else history.create_project(project, f"Judgements of {project}")
    history.add_run(chosen.id, run, include_data=False)


def _metric(test: Test, timeline: Timeline | None) -> Any:
    from evidently.tests import lte

    metric, _ = _classes()
    name = f"{test.cohort}: {test.name}"
    told: dict[str, Any] = {"statistic": name, "value": test.value, "sentence": test.sentence, "limit": test.limit}
    if timeline is not None:
        told |= {"times": [f"{t:%Y-%m-%d %H:%M}" for t in timeline.times], "judged": timeline.judged}
        told |= {"deviations": [round(z, 3) for z in timeline.deviations], "rises": test.rises}
    return metric(**told, tests=[lte(test.limit)])


def _performance(found: Performance) -> Any:
    told = found.to_dict()
    series = {
        "times": told["ends"],
        "real": told["real"],
        "estimated": told["estimated"],
        "error": told["error"] or 0.0,
    }
    return _classes()[1](sentence=found.sentence, loss=found.loss, **series, tests=[])


def _headline(told: Told) -> Any:
    metric, _ = _classes()
    words = [_line(f) for f in told.findings] or [told.sentence]
    return metric(
        statistic=VERDICT, value=0.0, sentence=told.sentence, limit=0.0, words=[*words, told.verdict.stated], tests=[]
    )


def _line(finding: Finding) -> str:
    word = "retrain" if finding.retrain else "ticket" if finding.ticket else "wait"
    return f"{word.upper()}: {finding.sentence}"


_MADE: list[tuple[type, type]] = []


def _classes() -> tuple[Any, Any]:
    """The metrics: made once, since Evidently keeps a register, and late, since it is heavy."""
    if not _MADE:
        _MADE.append(_make_classes())
    return _MADE[0]


def _make_classes() -> tuple[type, type]:
    from evidently.core.metric_types import SingleValue, SingleValueCalculation, SingleValueMetric
    from evidently.legacy.renderers.html_widgets import CounterData, counter, plotly_figure

    from pipelines.watch.draw import drawn, drawn_performance

    class DeviationFromNull(SingleValueMetric):  # type: ignore[misc]
        """How far a statistic lies from its healthy reference, in standard deviations of its own null."""

        statistic: str
        value: float
        sentence: str
        limit: float
        times: tuple[str, ...] = ()
        deviations: tuple[float, ...] = ()
        judged: int = 0
        rises: bool = True
        words: tuple[str, ...] = ()

    class DeviationFromNullCalculation(SingleValueCalculation[DeviationFromNull]):  # type: ignore[misc]
        def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
            asked, found = self.metric, self.result(self.metric.value)
            shown = "" if asked.statistic == VERDICT else f"{asked.value:.2f} null sd"
            lines = asked.words or [asked.sentence]
            numbers = [CounterData(label=line, value=shown if i == 0 else "") for i, line in enumerate(lines)]
            found.widget = [counter(title=asked.statistic, counters=[number]) for number in numbers]
            if asked.times:
                found.widget = [plotly_figure(title=f"{asked.statistic}: {asked.sentence}", figure=drawn(asked))]
            return found

        def display_name(self) -> str:
            return str(self.metric.statistic)

    class FieldPerformance(SingleValueMetric):  # type: ignore[misc]
        """The model's loss in the field: estimated for every window, measured where outcomes are known."""

        sentence: str
        loss: str
        times: tuple[str, ...]
        real: tuple[float | None, ...]
        estimated: tuple[float | None, ...]
        error: float

    class FieldPerformanceCalculation(SingleValueCalculation[FieldPerformance]):  # type: ignore[misc]
        def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
            found = self.result(self.metric.estimated[-1] or 0.0)
            found.widget = [plotly_figure(title=self.metric.sentence, figure=drawn_performance(self.metric))]
            return found

        def display_name(self) -> str:
            return "performance in the field"

    return DeviationFromNull, FieldPerformance
