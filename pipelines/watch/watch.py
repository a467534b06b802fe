"""A field log against the training reference: one judgement, one saved report, tickets for what is to be mended."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from fleetloop_edge.spec import Channel
from pipelines.errors import DataError
from pipelines.features import read_spec
from pipelines.files import Place, write_json
from pipelines.ingest import channels_of, read_devices
from pipelines.params import UseCaseSpec, WatchSpec, load_params
from pipelines.watch.cohorts import Cohort, cohorts_of
from pipelines.watch.evidently_report import Shown, Told, sample, save_report
from pipelines.watch.field_log import FieldLog, read_log
from pipelines.watch.finding import Finding
from pipelines.watch.history import RECORD, newest_findings, next_folder, workspace_of
from pipelines.watch.judge import Reference, Test, Verdict, judge_against
from pipelines.watch.judgement import Judgement
from pipelines.watch.masks import masked
from pipelines.watch.measure import Calendar, measure, newest_slot
from pipelines.watch.null import Rule
from pipelines.watch.performance import Performance, perform
from pipelines.watch.reference import log_frame, model_of, past_of, reference_frame
from pipelines.watch.sensors import Look, find_faults
from pipelines.watch.tickets import file_tickets, masks_of, read_masks
from pipelines.watch.timeline import Timeline, timelines
from pipelines.watch.triage import as_finding, carried, classify, confine
from pipelines.watch.upstream import sort_faults
from pipelines.watch.windows import DeviceWindows, Horizons

SEED = 0  # of the pseudo-logs and of the sample that is shown: the same log is judged the same twice
SHARED = 0.5  # of a cohort's deviation: shown by the others so clearly, a change is not the cohort's own


@dataclasses.dataclass(frozen=True)
class Sides:
    """A log and its reference as frames (see `measure`), and what is known of the devices.

    past: grid rows of the log's devices from before the log, with `healthy`. devices: device, from (UTC), site, vendor,
    firmware.
    """

    log: pd.DataFrame
    reference: pd.DataFrame
    past: pd.DataFrame
    channels: tuple[Channel, ...]
    cohorts: tuple[Cohort, ...]
    devices: pd.DataFrame


@dataclasses.dataclass(frozen=True)
class Judged:
    """A verdict and what it means."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    timelines: dict[tuple[str, str], Timeline]
    performance: Performance | None


def watch(place: Place, use_case: str, log: Path, *, now: datetime | None = None) -> Judgement:
    """Judge a field log of a use case as it was known at `now`; save the report, file tickets, mask what is broken.

    now: UTC; by default when the log's newest row was received. The report goes below .fleetloop/<use case>/watch/<n>/
    and into the workspace that `evidently ui` browses. Raises DataError where the log or the reference is missing,
    broken or too small to be judged.
    """
    params = load_params(place.root)
    case = params.use_case(use_case)
    field, moment = _known(read_log(log), now)
    sides = read_sides(place, use_case, case, field, moment)
    period_s = read_spec(place, use_case).period_s
    judged = judge_sides(sides, use_case, case, period_s)
    judged = dataclasses.replace(judged, findings=carried(judged.findings, newest_findings(place, use_case)))
    judgement = _save(place, use_case, judged, shown(sides, case.watch), moment)
    file_tickets(place, use_case, judged.findings, _iso(moment))
    return judgement


def read_sides(place: Place, use_case: str, case: UseCaseSpec, field: FieldLog, moment: pd.Timestamp) -> Sides:
    """Both sides of a judgement, the log's masked channels taken out. Raises DataError."""
    spec = read_spec(place, use_case)
    known = channels_of(load_params(place.root).dataset(case.dataset))
    channels = tuple(known[name] for name in spec.channels)
    seen = log_frame(field, spec, channels, case.task)
    table = field.devices if len(field.devices) else _devices(place, case.dataset)
    cohorts = cohorts_of(sorted(seen["device"].unique()), table, moment)
    reference = reference_frame(place, use_case, model_of(field), seen["time"].max())
    seen = masked(seen, read_masks(place, use_case), cohorts)
    return Sides(seen, reference, past_of(place, use_case, seen), channels, cohorts, table)


def judge_sides(sides: Sides, use_case: str, case: UseCaseSpec, period_s: float) -> Judged:
    """Broken channels first, and out with them; then the verdict on the rest, and the findings that it amounts to."""
    broken = broken_channels(sides, use_case, case.watch, period_s)
    told = [mask for finding in broken for mask in masks_of(finding)]
    sound = dataclasses.replace(sides, log=masked(sides.log, told, sides.cohorts))
    judged = judge_cohorts(sound, use_case, case, period_s)
    return dataclasses.replace(judged, findings=(*broken, *judged.findings))


def broken_channels(sides: Sides, use_case: str, asked: WatchSpec, period_s: float) -> tuple[Finding, ...]:
    """What people have to mend: faults of sensors, and changes upstream."""
    look = Look(period_s, asked.window, asked.m, asked.nominal)
    columns = ["device", "time", *(n for c in sides.channels for n in (c.name, f"{c.name}.measured"))]
    whole = pd.concat([sides.past[columns], sides.log[columns]]).sort_values(["device", "time"], ignore_index=True)
    faults = find_faults(whole, sides.reference, sides.channels, look, sides.log["time"].min())
    newest = _iso(sides.log["time"].max())
    return sort_faults(use_case, faults, sides.cohorts, sides.devices, newest)


def judge_cohorts(sides: Sides, use_case: str, case: UseCaseSpec, period_s: float) -> Judged:
    """The verdict on a log's cohorts, and the changes of the world that it amounts to."""
    task, asked = case.task, case.watch
    calendar = Calendar(period_s, asked.window, newest_slot(sides.log["time"], period_s))
    horizons = Horizons(task.healthy_beyond / asked.window, task.settled_after / asked.window)
    rule = Rule(asked.k, asked.m, asked.nominal, asked.null_windows, SEED)
    windows = measure(sides.log, sides.channels, task, calendar)
    past = measure(sides.past, sides.channels, task, calendar) if len(sides.past) else None
    reference = Reference(measure(sides.reference, sides.channels, task, calendar), rule, horizons, past)
    verdict = judge_against(windows, reference, sides.cohorts)
    changes = confine(verdict, lambda test, cohort: elsewhere(test, cohort, windows, reference))
    performance = perform(sides.log, sides.reference, task, calendar)
    unseen = _Unseen(sides, asked.m * asked.window)
    found = []
    for change in changes:
        ruling = classify(change, unseen.share, asked.unseen)
        hits = [hit for test in change.tests for hit in test.hits]
        span = (_iso(calendar.start(min(hits))), _iso(calendar.start(max(hits) + 1)))
        found.append(as_finding(use_case, change, ruling, span))
    return Judged(verdict, tuple(found), timelines(verdict, windows, reference, calendar), performance)


def elsewhere(test: Test, cohort: Cohort, log: DeviceWindows, reference: Reference) -> bool:
    """Whether the devices outside a cohort show the change of a failed test too, at least SHARED as clearly."""
    inside = set(cohort.devices)
    others = tuple(name for name in log.devices if name not in inside)
    if not others:
        return False
    verdict = judge_against(log.take(np.array([log.devices.index(name) for name in others])), reference)
    same = next(t for t in verdict.tests if t.name == test.name)
    return same.rises == test.rises and (same.value or 0.0) >= SHARED * (test.value or 0.0)


def shown(sides: Sides, asked: WatchSpec) -> Shown:
    """The samples that the preset is shown: channels and score of rows that look healthy, as many of each device."""
    columns = [*(c.name for c in sides.channels), "score"]
    healthy = sample(sides.reference[sides.reference["healthy"]], columns, asked.sample, SEED)
    newest = sides.log[~sides.log["acts"]].groupby("device", sort=True).tail(asked.m * asked.window)
    seen = sample(newest, columns, asked.sample, SEED)
    return Shown(healthy, seen, tuple(c for c in columns if healthy[c].notna().any() and seen[c].notna().any()))


class _Unseen:
    """How much of what a cohort measured lately lies outside what the reference ever measured."""

    TAIL = 0.001  # share of the reference left out at either end

    def __init__(self, sides: Sides, newest: int) -> None:
        self._reference = sides.reference
        self._log = sides.log.groupby("device", sort=False).tail(newest)

    def share(self, cohort: Cohort, channel: str) -> float:
        """Of the cohort's newest measured values of a channel."""
        known = _measured(self._reference, channel)
        seen = _measured(self._log[self._log["device"].isin(cohort.devices)], channel)
        if not len(known) or not len(seen):
            return 0.0
        low, high = np.quantile(known, [self.TAIL, 1 - self.TAIL])
        return float(np.mean((seen < low) | (seen > high)))


def _measured(frame: pd.DataFrame, channel: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if channel not in frame:
        return np.zeros(0)
    values = frame.loc[frame[f"{channel}.measured"], channel].to_numpy(dtype=np.float64)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = values[np.isfinite(values)]
    return found


def _known(field: FieldLog, now: datetime | None) -> tuple[FieldLog, pd.Timestamp]:
    if now is None:
        return field, field.rows["received"].max()
    moment = pd.Timestamp(now if now.tzinfo else now.replace(tzinfo=UTC)).tz_convert("UTC")
    known = field.until(moment)
    if known.rows.empty:
        raise DataError(
            f"the log has no row received by {_iso(moment)}; the first came {_iso(field.rows['received'].min())}"
        )
    return known, moment


def _devices(place: Place, dataset: str) -> pd.DataFrame:
    """The dataset's table of devices; empty where there is none: then the fleet is one cohort."""
    try:
        return read_devices(place, dataset)
    except DataError:
        return FieldLog(*(pd.DataFrame() for _ in range(4))).devices


def _iso(moment: pd.Timestamp) -> str:
    return moment.floor("s").strftime("%Y-%m-%dT%H:%M:%SZ")


def _save(place: Place, use_case: str, judged: Judged, beside: Shown, moment: pd.Timestamp) -> Judgement:
    folder = next_folder(place, use_case)
    html, record = folder / "report.html", folder / "report.json"
    verdict = judged.verdict
    sentence = "; ".join(f.sentence for f in judged.findings) or verdict.sentence
    sentence = sentence if not judged.findings else f"{sentence} ({verdict.stated})"
    told = Told(verdict, judged.findings, judged.timelines, sentence, judged.performance)
    save_report(told, beside, (html, record), workspace_of(place), use_case, moment)
    found = Judgement(html, record, sentence, judged.findings, int(folder.name), verdict, judged.performance)
    about = {"nominal": verdict.nominal, "k": verdict.k, "m": verdict.m}
    cohorts = [dataclasses.asdict(c) for c in verdict.cohorts]
    paths = {"html": str(html.relative_to(place.root)), "json": str(record.relative_to(place.root))}
    write_json(folder / RECORD, found.to_dict() | paths | about | {"now": _iso(moment), "cohorts": cohorts})
    return found
