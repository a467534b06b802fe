"""The one file that speaks to Evidently: our tests as its metrics in one saved report, its preset shown beside.

The statistics and thresholds are ours (`null`); in the report each is a metric with its own test, so that the report
alone says what was judged and how it came out. Evidently's own drift preset compares a small sample and decides
nothing: its tests assume independent rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.files import write_bytes
from pipelines.watch.finding import Finding
from pipelines.watch.judge import Test, Verdict


@dataclass(frozen=True)
class Shown:
    """What the preset is shown: two samples of rows (reference, log) and their numeric columns."""

    reference: pd.DataFrame
    log: pd.DataFrame
    columns: tuple[str, ...]


def save_report(
    verdict: Verdict,
    findings: Sequence[Finding],
    sentence: str,
    shown: Shown,
    files: tuple[Path, Path],
    workspace: Path,
    project: str,
    moment: pd.Timestamp,
) -> None:
    """Run the report; save it as HTML and JSON (`files`), and in the workspace's project. moment: what it is dated."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    judged = [test for test in verdict.tests if test.value is not None]
    metrics = [_headline(sentence), *(_metric(test) for test in judged)]
    metrics += [DataDriftPreset()] if shown.columns else []
    definition = DataDefinition(numerical_columns=list(shown.columns))
    log, reference = (
        Dataset.from_pandas(frame[list(shown.columns)], data_definition=definition)
        for frame in (shown.log, shown.reference)
    )
    tags: list[str] = sorted({f.kind for f in findings}) or ["healthy"]
    run = Report(metrics, tags=tags).run(log, reference, timestamp=moment.to_pydatetime())
    html, record = files
    write_bytes(record, (json.dumps(json.loads(run.json()), indent=1, sort_keys=True) + "\n").encode())
    run.save_html(str(html))
    _keep(run, workspace, project)


def sample(frame: pd.DataFrame, columns: list[str], most: int, seed: int) -> pd.DataFrame:
    """At most `most` rows, as many of each device as of any other; the same seed takes the same rows."""
    rng = np.random.default_rng(seed)
    devices = frame["device"].nunique()
    each = max(1, most // max(devices, 1))
    shuffled = frame.iloc[rng.permutation(len(frame))]
    taken = shuffled.groupby("device", sort=True).head(each).head(most)
    found: pd.DataFrame = taken.sort_index()[columns].reset_index(drop=True)
    return found


def _keep(run: Any, workspace: Path, project: str) -> None:
    """Put the run into the history that `evidently ui --workspace` browses."""
    from evidently.ui.workspace import Workspace

    workspace.mkdir(parents=True, exist_ok=True)
    history = Workspace.create(str(workspace))
    known = history.search_project(project)
    chosen = known[0] if known else history.create_project(project, f"Judgements of {project}")
    history.add_run(chosen.id, run, include_data=False)


def _metric(test: Test) -> Any:
    from evidently.tests import lte

    metric, _ = _classes()
    name = f"{test.cohort}: {test.name}"
    return metric(statistic=name, value=test.value, sentence=test.sentence, tests=[lte(test.limit)])


def _headline(sentence: str) -> Any:
    metric, _ = _classes()
    return metric(statistic="verdict", value=0.0, sentence=sentence, tests=[])


_MADE: list[tuple[type, type]] = []


def _classes() -> tuple[Any, Any]:
    """The metric and its calculation: made once, since Evidently keeps a register, and late, since it is heavy."""
    if not _MADE:
        _MADE.append(_make_classes())
    return _MADE[0]


def _make_classes() -> tuple[type, type]:
    from evidently.core.metric_types import SingleValue, SingleValueCalculation, SingleValueMetric
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    class DeviationFromNull(SingleValueMetric):  # type: ignore[misc]
        """How far a statistic lies from its healthy reference, in standard deviations of its own null."""

        statistic: str
        value: float
        sentence: str

    class DeviationFromNullCalculation(SingleValueCalculation[DeviationFromNull]):  # type: ignore[misc]
        def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
            found = self.result(self.metric.value)
            shown = "" if self.metric.statistic == "verdict" else f"{self.metric.value:.2f} null sd"
            number = CounterData(label=self.metric.sentence, value=shown)
            found.widget = [counter(title=self.metric.statistic, counters=[number])]
            return found

        def display_name(self) -> str:
            return str(self.metric.statistic)

    return DeviationFromNull, DeviationFromNullCalculation
