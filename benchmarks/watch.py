"""The drift trigger: how often it cries for nothing, what it finds and after how long, and what a judgement costs.

On series whose truth is known (AR(.98), eight channels), on healthy simulated fleets after a real lap, and on a log of
a million rows; Evidently's own preset beside, on the same windows. `python -m benchmarks.watch NAME...` measures some
parts (series, fleet, size) and keeps the others' figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import lfilter

from benchmarks.results import FOLDER, Figure, record
from flows.checkout import copy_checkout
from flows.environment import child_environment
from pipelines.params import SimulateSpec
from pipelines.simulate import simulate
from pipelines.watch import read_log, write_log
from pipelines.watch.judge import Reference, judge_against
from pipelines.watch.null import Rule
from pipelines.watch.windows import DeviceWindows, Horizons, Statistic

ROOT = Path(__file__).parents[1]
CHANNELS, RHO = 8, 0.98
NOMINAL, POWER = 0.05, 0.90
RULE = Rule(k=2, m=3, nominal=NOMINAL, null_windows=39, seed=0)
HORIZONS = Horizons(1.0, 1.0)
SEARCH = 8  # windows after a change within which it must be found
RAMP = 4  # windows that a slow ramp takes
PRESET = 20  # decisions that Evidently's preset is asked for
Float = NDArray[np.float64]
STATISTICS = tuple(
    Statistic(f"c{c}.{kind}", "input", "healthy", robust=True, floor=1e-3)
    for kind in ("level", "spread")
    for c in range(CHANNELS)
)


@dataclass(frozen=True)
class Setting:
    """devices of a log, whose own past is known or not; rows of a window; held-back devices and windows of each."""

    name: str
    devices: int
    rows: int
    held_back: tuple[int, int]
    past: int  # windows
    apart: float  # sd between devices
    references: int
    logs: int  # of each reference


SETTINGS = (
    Setting("one unknown device, windows of 400 rows", 1, 400, (13, 3), 0, 0.0, 20, 100),
    Setting("12 devices with a past, windows of 168 rows", 12, 168, (13, 8), 8, 1.0, 20, 100),
)


def main(names: Sequence[str]) -> None:
    parts: dict[str, Callable[[], list[Figure]]] = {"series": series, "fleet": fleet, "size": size}
    unknown = sorted(set(names) - set(parts))
    if unknown:
        sys.exit(f"no part {unknown[0]!r}; expected some of {', '.join(parts)}")
    path = FOLDER / "watch.json"
    told = json.loads(path.read_text())["figures"] if path.exists() else []
    kept = {part: [Figure(**f) for f in told if f["name"].startswith(f"{part}: ")] for part in parts}
    for part in names or parts:
        kept[part] = [replace(f, name=f"{part}: {f.name}") for f in parts[part]()]
        record("watch", [figure for figures in kept.values() for figure in figures])


def series() -> list[Figure]:
    """AR(.98): false alarms, and what is found of a shift and of a ramp of two sd on one of eight channels."""
    figures: list[Figure] = []
    for setting in SETTINGS:
        decisions = [alarm for reference in _references(setting) for alarm in _healthy(setting, reference)]
        rate = float(np.mean(decisions))
        figures.append(Figure(f"{setting.name}: healthy decisions", len(decisions), "", "higher", 2000))
        figures.append(Figure(f"{setting.name}: alarms over nominal {NOMINAL:.0%}", rate / NOMINAL, "x", goal=1.5))
        for kind, change in (("shift", _shift), (f"ramp over {RAMP} windows", _ramp)):
            delays = [d for ref in _references(setting, 10) for d in _delays(setting, ref, change, 8)]
            found = [d for d in delays if d is not None]
            what = f"{setting.name}: 2-sd {kind}"
            figures.append(Figure(f"{what}, found", len(found) / len(delays), "share", "higher", POWER))
            figures.append(Figure(f"{what}, median delay", float(np.median(found or [SEARCH])), "windows"))
    return figures + _presets()


def _references(setting: Setting, most: int | None = None) -> Iterator[tuple[np.random.Generator, DeviceWindows]]:
    for seed in range(setting.references if most is None else most):
        rng = np.random.default_rng(seed)
        devices, windows = setting.held_back
        yield rng, _windows(_rows(rng, devices, windows, setting), setting, -RULE.m - windows, "held")


def _healthy(setting: Setting, made: tuple[np.random.Generator, DeviceWindows]) -> Iterator[bool]:
    rng, held = made
    ready = Reference(held, RULE, HORIZONS)
    for _ in range(setting.logs):
        rows = _rows(rng, setting.devices, setting.past + RULE.m, setting)
        yield _judged(ready, rows, setting)


def _delays(
    setting: Setting,
    made: tuple[np.random.Generator, DeviceWindows],
    change: Callable[[int, int], Float],
    logs: int,
) -> Iterator[int | None]:
    """Windows after the change until the first alarm, judged at the end of each; None: none within SEARCH."""
    rng, held = made
    ready = Reference(held, RULE, HORIZONS)
    before = setting.past + RULE.m
    for _ in range(logs):
        rows = _rows(rng, setting.devices, before + SEARCH, setting)
        rows[:, :, 0] += change(rows.shape[1], before * setting.rows) if setting.rows else 0.0
        ends = range(1, SEARCH + 1)
        past, width = rows[:, : setting.past * setting.rows], RULE.m * setting.rows
        seen = (rows[:, (before + e) * setting.rows - width : (before + e) * setting.rows] for e in ends)
        alarms = (_judged(ready, np.concatenate([past, newest], axis=1), setting) for newest in seen)
        yield next((e for e, alarm in zip(ends, alarms, strict=True) if alarm), None)


def _shift(length: int, start: int) -> Float:
    return 2.0 * (np.arange(length) >= start)


def _ramp(length: int, start: int) -> Float:
    rows = (length - start) / SEARCH * RAMP
    found: Float = 2.0 * np.clip((np.arange(length) - start) / rows, 0.0, 1.0)
    return found


def _judged(ready: Reference, rows: Float, setting: Setting) -> bool:
    """Whether the newest windows of a log alarm; the windows before them are its devices' past."""
    cut = setting.past * setting.rows
    log = _windows(rows[:, cut:], setting, -RULE.m, "new")
    past = _windows(rows[:, :cut], setting, -RULE.m - setting.past, "new") if cut else None
    return judge_against(log, ready.knowing(past)).drift


def _rows(rng: np.random.Generator, devices: int, windows: int, setting: Setting) -> Float:
    """(devices, rows, channels) stationary AR(1) of variance 1 around each device's own level."""
    shape = (devices, windows * setting.rows, CHANNELS)
    noise = rng.normal(size=shape) * np.sqrt(1 - RHO**2)
    noise[:, 0] = rng.normal(size=(devices, CHANNELS))
    found: Float = lfilter([1.0], [1.0, -RHO], noise, axis=1)
    return found + setting.apart * rng.normal(size=(devices, 1, CHANNELS))


def _windows(rows: Float, setting: Setting, first: int, tag: str) -> DeviceWindows:
    devices, length, _ = rows.shape
    parts = rows.reshape(devices, length // setting.rows, setting.rows, CHANNELS)
    values = np.concatenate([parts.mean(axis=2), np.log(parts.std(axis=2))], axis=2)
    fine = np.ones(values.shape[:2], dtype=np.bool_)
    names = tuple(f"{tag}{i}" for i in range(devices))
    return DeviceWindows(names, STATISTICS, values, first, fine, fine, np.full(values.shape[:2], np.inf))


def _presets() -> list[Figure]:
    """Evidently's default preset on the rows of the same healthy windows: all held-back ones against a log's newest."""
    figures = []
    for setting in SETTINGS:
        drifted = []
        for rng, _ in _references(setting, PRESET):
            held = _rows(rng, *setting.held_back, setting).reshape(-1, CHANNELS)
            log = _rows(rng, setting.devices, RULE.m, setting).reshape(-1, CHANNELS)
            drifted.append(_preset(held, log))
        name = f"{setting.name}: Evidently's default preset, healthy windows called drifted"
        figures.append(Figure(name, float(np.mean(drifted)), "share"))
    return figures


def _preset(reference: Float, log: Float) -> bool:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = [f"c{c}" for c in range(CHANNELS)]
    about = DataDefinition(numerical_columns=names)
    sides = (Dataset.from_pandas(pd.DataFrame(rows, columns=names), data_definition=about) for rows in (log, reference))
    return _share_of(json.loads(Report([DataDriftPreset()]).run(*sides).json())) >= 0.5


def _share_of(report: dict[str, Any]) -> float:
    """The share of columns that the preset calls drifted."""
    return next(float(m["value"]["share"]) for m in report["metrics"] if "DriftedColumnsCount" in m["metric_name"])


SEEDS, ENDS = (101, 102), (33, 54, 75)  # other healthy fleets; days at which each is judged


def fleet() -> list[Figure]:
    """Healthy simulated fleets that the model has never seen, judged against a real lap's reference."""
    with tempfile.TemporaryDirectory(prefix="fleetloop-bench-") as folder:
        checkout = copy_checkout(ROOT, Path(folder) / "lap")
        _run(checkout, "fleetloop", "data", "simulate", "pumps")
        _run(checkout, "dvc", "repro")
        told = [j for seed in SEEDS for j in _judge_fleet(checkout, seed)]
    cohorts = [c for judged, _ in told for c in judged["cohorts"]]
    alarms = [any(not t["passed"] for t in c["tests"]) for c in cohorts]
    low = float(stats.binomtest(sum(alarms), len(alarms)).proportion_ci(0.95, "exact").low)
    trainings = sum(judged["drift"] for judged, _ in told)
    preset = float(np.mean([_share_of(report) >= 0.5 for _, report in told]))
    return [
        Figure("healthy cohort decisions", len(alarms), "", "higher"),
        Figure("alarms", float(np.mean(alarms)), "share"),
        Figure("alarms, lower end of the 95 % interval, over nominal", low / NOMINAL, "x", goal=1.0),
        Figure("judgements that would retrain", trainings / len(told), "share"),
        Figure("Evidently's default preset, judgements called drifted", preset, "share"),
    ]


def _judge_fleet(checkout: Path, seed: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The judgements of one other fleet, with Evidently's records of them."""
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    spec = SimulateSpec(**{**params["datasets"]["pumps"]["simulate"], "seed": seed})
    other = checkout.parent / f"fleet-{seed}"
    copy_checkout(ROOT, other)
    simulate(spec, other / "data" / "raw" / "pumps")
    _run(other, "fleetloop", "stage", "ingest", "pumps")
    bundle = str(checkout / "data" / "pumps" / "export" / "bundle")
    _run(
        checkout,
        "fleetloop",
        "score",
        bundle,
        str(other / "data/pumps/ingest/tables"),
        "-o",
        str(other / "LOG"),
        "--by",
        "batch",
    )
    log = read_log(other / "LOG")
    renamed = {
        name: getattr(log, name).assign(device=f"fleet{seed}-" + getattr(log, name)["device"])
        for name in ("rows", "decisions", "heartbeats", "labels", "devices")
    }
    channels = tuple(c for c in log.rows.columns if c not in ("device", "time", "received"))
    write_log(other / "LOG", replace(log, **renamed), channels, {"format": 1})
    start = pd.Timestamp(spec.start)
    for day in ENDS:
        now = (start + pd.Timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%S")
        _run(checkout, "fleetloop", "watch", "pumps", str(other / "LOG"), "--now", now, allowed=(0, 1))
        newest = max((checkout / ".fleetloop/pumps/watch").iterdir(), key=lambda p: int(p.name))
        yield json.loads((newest / "judgement.json").read_text()), json.loads((newest / "report.json").read_text())


def size() -> list[Figure]:
    """What a judgement of a million rows x 50 channels takes without the presets; how large the page is with them."""
    with tempfile.TemporaryDirectory(prefix="fleetloop-bench-") as folder:
        program = [sys.executable, "-m", "benchmarks.large", folder]
        subprocess.run([*program, "make"], cwd=ROOT, check=True)
        without, presets = (
            json.loads(subprocess.run([*program, kind], cwd=ROOT, check=True, capture_output=True, text=True).stdout)
            for kind in ("plain", "presets")
        )
    return [
        Figure("a million rows x 50 channels judged", without["cpu_s"], "cpu s", goal=20.0, absolute=True),
        Figure("memory of it", without["peak_gb"], "GB", goal=1.0, absolute=True),
        Figure("HTML with the presets", presets["html_mb"], "MB", goal=15.0),
    ]


def _run(folder: Path, *command: str, allowed: tuple[int, ...] = (0,)) -> None:
    print(f"{' '.join(command)[:100]} ...", file=sys.stderr, flush=True)
    own = {**child_environment(folder), "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0")}
    done = subprocess.run(command, cwd=folder, env=own, stdout=subprocess.DEVNULL)
    if done.returncode not in allowed:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")


if __name__ == "__main__":
    main(sys.argv[1:])
