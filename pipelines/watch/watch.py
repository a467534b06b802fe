"""A field log against the training reference: one judgement, one saved report, tickets for what is to be mended."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from fleetloop_edge.spec import Channel
from pipelines.errors import DataError
from pipelines.features import read_spec
from pipelines.files import Place, write_json
from pipelines.ingest import channels_of, read_devices
from pipelines.params import UseCaseSpec, load_params
from pipelines.watch.cohorts import Cohort, cohorts_of
from pipelines.watch.evidently_report import Shown, Told, both_have, save_report
from pipelines.watch.field_log import DEVICES
from pipelines.watch.finding import Finding
from pipelines.watch.frames import Frames
from pipelines.watch.gather import Ask, Known, Seen, know, remember, see
from pipelines.watch.history import RECORD, newest_findings, next_folder, workspace_of
from pipelines.watch.judge import Reference, Test, Verdict, judge_against
from pipelines.watch.judgement import Judgement
from pipelines.watch.log_frames import LogFrames, open_log
from pipelines.watch.masks import masked, masked_at, members
from pipelines.watch.measure import Calendar
from pipelines.watch.null import Rule
from pipelines.watch.performance import Performance, perform
from pipelines.watch.pieces import Pieces, joined
from pipelines.watch.reference import past_frames, reference_frames
from pipelines.watch.sensors import Look, SensorNull, find_faults
from pipelines.watch.tickets import Mask, file_tickets, masks_of, read_masks
from pipelines.watch.timeline import Timeline, timelines
from pipelines.watch.triage import as_finding, carried, classify, confine
from pipelines.watch.upstream import sort_faults
from pipelines.watch.weekly import NO_COURSE, Weekly, learn_weekly
from pipelines.watch.windows import DeviceWindows, Horizons

SEED = 0  # of the pseudo-logs: the same log is judged the same twice
SHARED = 0.5  # of a cohort's deviation: shown by the others so clearly, a change is not the cohort's own


@dataclasses.dataclass(frozen=True)
class Sides:
    """A log and its reference as frames (see `measure`), and what is known of the devices.

    past: grid rows of the log's devices from before the log, with `healthy`. table: device, from (UTC), site, vendor,
    firmware. begin, end: when the log's first and last slot begin. delay: periods that labels usually take.
    masks: what is left out of the log already.
    """

    log: Frames
    reference: Frames
    past: Frames
    channels: tuple[Channel, ...]
    cohorts: tuple[Cohort, ...]
    table: pd.DataFrame
    begin: pd.Timestamp
    end: pd.Timestamp
    delay: float = 0.0
    masks: tuple[Mask, ...] = ()


@dataclasses.dataclass(frozen=True)
class Judged:
    """A verdict and what it means."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    timelines: dict[tuple[str, str], Timeline]
    performance: Performance | None
    weekly: Weekly
    shown: Shown


def watch(place: Place, use_case: str, log: Path, *, now: datetime | None = None) -> Judgement:
    """Judge a field log of a use case as it was known at `now`; save the report, file tickets, mask what is broken.

    now: UTC; by default when the log's newest row was received. The report goes below .fleetloop/<use case>/watch/<n>/
    and into the workspace that `evidently ui` browses. Raises DataError where the log or the reference is missing,
    broken or too small to be judged.
    """
    params = load_params(place.root)
    case = params.use_case(use_case)
    spec, known = read_spec(place, use_case), channels_of(params.dataset(case.dataset))
    channels = tuple(known[name] for name in spec.channels)
    field = open_log(log, spec, channels, case.task, None if now is None else _utc(now))
    sides = read_sides(place, use_case, case, field)
    judged = judge_sides(sides, use_case, case, spec.period_s)
    judged = dataclasses.replace(judged, findings=carried(judged.findings, newest_findings(place, use_case)))
    judgement = _save(place, use_case, judged, field.moment)
    file_tickets(place, use_case, judged.findings, _iso(field.moment))
    return judgement


def read_sides(place: Place, use_case: str, case: UseCaseSpec, field: LogFrames) -> Sides:
    """Both sides of a judgement, the log's masked channels taken out. Raises DataError."""
    table = field.table if len(field.table) else _devices(place, case.dataset)
    cohorts = cohorts_of(field.devices, table, field.moment)
    names, period_s = field.spec.channels, field.spec.period_s
    begin, end = (_moment(slot, period_s) for slot in (field.decided.first.min(), field.decided.last.max()))
    reference = reference_frames(place, use_case, field.decided.model, names, end)
    past = past_frames(place, use_case, field.decided, period_s, names)
    masks = read_masks(place, use_case)
    log = dataclasses.replace(field, masks=masks, cohorts=cohorts)
    return Sides(log, reference, past, field.channels, cohorts, table, begin, end, field.delay, masks)


def judge_sides(sides: Sides, use_case: str, case: UseCaseSpec, period_s: float) -> Judged:
    """Broken channels first, and out with them; then the verdict on the rest, and the findings that it amounts to."""
    asked, names = case.watch, tuple(c.name for c in sides.channels)
    look = Look(period_s, asked.window, asked.m, asked.nominal)
    calendar = Calendar(period_s, asked.window, int(sides.end.timestamp() // period_s))
    weekly = NO_COURSE if asked.hour_of_week == "never" else learn_weekly(sides.reference, names, case.task)
    ask = Ask(sides.channels, case.task, calendar, look, asked.sample, weekly)
    known, past = know(sides.reference, ask), remember(sides.past, ask)
    many = len(sides.log.devices)
    seen = see(sides.log, ask, known, many)
    if seen is None:
        raise DataError("no decision of the log is about a row of it; rows and decisions must be of the same devices")
    broken = broken_channels(sides, use_case, look, seen, known.sensors, None if past is None else past[1])
    told = [mask for finding in broken for mask in masks_of(finding)]
    if told:
        spoilt = members(told, sides.cohorts)
        again = see([masked(sides.log.of(spoilt), told, sides.cohorts)], ask, known, many)
        seen = seen if again is None else seen.but(again)
    judged = judge_cohorts(sides, use_case, case, seen, known, None if past is None else past[0], ask)
    return dataclasses.replace(judged, findings=(*broken, *judged.findings))


def broken_channels(
    sides: Sides, use_case: str, look: Look, seen: Seen, null: SensorNull, past: Pieces | None
) -> tuple[Finding, ...]:
    """What people have to mend: faults of sensors, and changes upstream."""
    pieces = seen.pieces if past is None else joined([past, seen.pieces])

    def rows(devices: Collection[str]) -> pd.DataFrame:
        parts = [side.of(devices) for side in (sides.past, sides.log)]
        return pd.concat([p for p in parts if len(p)]).sort_values(["device", "time"], ignore_index=True)

    faults = find_faults(pieces, seen.runs, null, sides.channels, look, rows, sides.begin)
    silenced = masked_at(sides.masks, sides.cohorts, sides.end)  # their absence is the mask's doing
    faults = tuple(fault for fault in faults if (fault.device, fault.channel) not in silenced)
    return sort_faults(use_case, faults, sides.cohorts, sides.table, _iso(sides.end))


def judge_cohorts(
    sides: Sides, use_case: str, case: UseCaseSpec, seen: Seen, known: Known, past: DeviceWindows | None, ask: Ask
) -> Judged:
    """The verdict on a log's cohorts, and the changes of the world that it amounts to."""
    task, asked, calendar = case.task, case.watch, ask.calendar
    horizons = Horizons(task.healthy_beyond / asked.window, (task.settled_after + sides.delay) / asked.window)
    rule = Rule(asked.k, asked.m, asked.nominal, asked.null_windows, SEED)
    reference = Reference(known.windows, rule, horizons, past)
    verdict = judge_against(seen.windows, reference, sides.cohorts)
    found = []
    for change in confine(verdict, lambda test, cohort: elsewhere(test, cohort, seen.windows, reference)):
        ruling = classify(change, seen.unseen, asked.unseen)
        hits = [hit for test in change.tests for hit in test.hits]
        span = (_iso(calendar.start(min(hits))), _iso(calendar.start(max(hits) + 1)))
        found.append(as_finding(use_case, change, ruling, span))
    times = timelines(verdict, seen.windows, reference, calendar)
    performance = perform(seen.answers, known.answers, task, calendar, horizons.outcome)
    shown = Shown(known.shown, seen.shown, both_have(known.shown, seen.shown) if asked.sample else ())
    return Judged(verdict, tuple(found), times, performance, ask.weekly, shown)


def elsewhere(test: Test, cohort: Cohort, log: DeviceWindows, reference: Reference) -> bool:
    """Whether the devices outside a cohort show the change of a failed test too, at least SHARED as clearly."""
    inside = set(cohort.devices)
    others = tuple(name for name in log.devices if name not in inside)
    if not others:
        return False
    verdict = judge_against(log.take(np.array([log.devices.index(name) for name in others])), reference)
    same = next(t for t in verdict.tests if t.name == test.name)
    return same.rises == test.rises and (same.value or 0.0) >= SHARED * (test.value or 0.0)


def _utc(now: datetime) -> pd.Timestamp:
    return pd.Timestamp(now if now.tzinfo else now.replace(tzinfo=UTC)).tz_convert("UTC")


def _moment(slot: int, period_s: float) -> pd.Timestamp:
    return pd.Timestamp(int(slot) * period_s, unit="s", tz="UTC")


def _devices(place: Place, dataset: str) -> pd.DataFrame:
    """The dataset's table of devices; empty where there is none: then the fleet is one cohort."""
    try:
        return read_devices(place, dataset)
    except DataError:
        empty: pd.DataFrame = DEVICES.empty_table().to_pandas()
        return empty


def _iso(moment: pd.Timestamp) -> str:
    return moment.floor("s").strftime("%Y-%m-%dT%H:%M:%SZ")


def _save(place: Place, use_case: str, judged: Judged, moment: pd.Timestamp) -> Judgement:
    folder = next_folder(place, use_case)
    html, record = folder / "report.html", folder / "report.json"
    verdict = judged.verdict
    sentence = "; ".join(f.sentence for f in judged.findings) or verdict.sentence
    sentence = sentence if not judged.findings else f"{sentence} ({verdict.stated})"
    told = Told(verdict, judged.findings, judged.timelines, sentence, judged.performance)
    save_report(told, judged.shown, (html, record), workspace_of(place), use_case, moment)
    found = Judgement(html, record, sentence, judged.findings, int(folder.name), verdict, judged.performance)
    about = {"nominal": verdict.nominal, "k": verdict.k, "m": verdict.m}
    cohorts = [dataclasses.asdict(c) for c in verdict.cohorts]
    paths = {"html": str(html.relative_to(place.root)), "json": str(record.relative_to(place.root))}
    write_json(folder / RECORD, found.to_dict() | paths | about | {"now": _iso(moment), "cohorts": cohorts})
    return found
