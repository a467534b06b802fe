"""A field log against the training reference: one judgement, one saved report."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fleetloop_edge.spec import Channel
from pipelines.features import read_spec
from pipelines.files import Place, write_json
from pipelines.ingest import channels_of
from pipelines.params import UseCaseSpec, WatchSpec, load_params
from pipelines.watch.evidently_report import Shown, sample, save_report
from pipelines.watch.field_log import read_log
from pipelines.watch.judge import Test, Verdict, judge
from pipelines.watch.measure import Calendar, measure, newest_slot
from pipelines.watch.null import Rule
from pipelines.watch.reference import log_frame, model_of, reference_frame
from pipelines.watch.windows import Horizons

SEED = 0  # of the pseudo-logs and of the sample that is shown: the same log is judged the same twice


@dataclass(frozen=True)
class Judgement:
    """drift: whether a test failed. sentence: why, to be read aloud. html, json: the saved report. tests: all."""

    drift: bool
    sentence: str
    html: Path
    json: Path
    tests: list[Test]


def watch(place: Place, use_case: str, log: Path) -> Judgement:
    """Judge a field log of a use case and save the report below .fleetloop/<use case>/watch/<n>/.

    Raises DataError where the log or the reference is missing, broken or too small to be judged.
    """
    params = load_params(place.root)
    case = params.use_case(use_case)
    spec = read_spec(place, use_case)
    known = channels_of(params.dataset(case.dataset))
    channels = tuple(known[name] for name in spec.channels)
    field = read_log(log)
    seen = log_frame(field, spec, channels, case.task)
    reference = reference_frame(place, use_case, model_of(field))
    verdict = judge_frames(seen, reference, channels, case, spec.period_s)
    return _save(place, use_case, verdict, shown(seen, reference, channels, case.watch))


def judge_frames(
    log: pd.DataFrame, reference: pd.DataFrame, channels: tuple[Channel, ...], case: UseCaseSpec, period_s: float
) -> Verdict:
    """The verdict on a log's frame against a reference's (see `measure`), both on the log's calendar."""
    task, asked = case.task, case.watch
    calendar = Calendar(period_s, asked.window, newest_slot(log["time"], period_s))
    horizons = Horizons(task.healthy_beyond / asked.window, task.settled_after / asked.window)
    rule = Rule(asked.k, asked.m, asked.nominal, asked.null_windows, SEED)
    return judge(measure(log, channels, task, calendar), measure(reference, channels, task, calendar), rule, horizons)


def shown(log: pd.DataFrame, reference: pd.DataFrame, channels: tuple[Channel, ...], asked: WatchSpec) -> Shown:
    """The samples that the preset is shown: channels and score of rows that look healthy, as many of each device."""
    columns = [*(c.name for c in channels), "score"]
    healthy = sample(reference[reference["healthy"]], columns, asked.sample, SEED)
    newest = log[~log["acts"]].groupby("device", sort=True).tail(asked.m * asked.window)
    seen = sample(newest, columns, asked.sample, SEED)
    return Shown(healthy, seen, tuple(c for c in columns if healthy[c].notna().any() and seen[c].notna().any()))


def _save(place: Place, use_case: str, verdict: Verdict, beside: Shown) -> Judgement:
    folder = _next(place.untracked(use_case, "watch"))
    html, record = folder / "report.html", folder / "report.json"
    said = save_report(verdict.tests, verdict.sentence, beside, html, record)
    drift = not all(said.values())
    about = {"drift": drift, "sentence": verdict.sentence, "tests": [dataclasses.asdict(t) for t in verdict.tests]}
    plain = {k: v for k, v in dataclasses.asdict(verdict).items() if k != "tests"}
    write_json(folder / "judgement.json", about | plain)
    return Judgement(drift, verdict.sentence, html, record, list(verdict.tests))


def _next(history: Path) -> Path:
    """The folder of the next judgement: they are numbered from 1 and none is written over."""
    numbers = [int(p.name) for p in history.glob("*") if p.name.isdigit()] if history.is_dir() else []
    folder = history / str(max(numbers, default=0) + 1)
    folder.mkdir(parents=True)
    return folder
