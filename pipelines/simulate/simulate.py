"""Let a seeded fleet run and write raw files as its vendors would; the truth goes elsewhere."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.errors import ParamsError
from pipelines.files import write_bytes, write_table
from pipelines.params import SimulateSpec
from pipelines.simulate import state
from pipelines.simulate.drift import check_drift, physics_of
from pipelines.simulate.machine import HOUR, Run, run
from pipelines.simulate.network import Messages, send
from pipelines.simulate.sensors import Fault, spoil
from pipelines.simulate.vendors import SITES, VENDORS, Message

DAYS_A_FILE = 7
DAY = 24 * HOUR


@dataclass(frozen=True)
class SimulationSummary:
    """What one run wrote."""

    start: str
    end: str
    devices: int
    records: int
    files: int
    failures: int
    drift: str | None

    def __str__(self) -> str:
        drift = f", drift {self.drift!r}" if self.drift else ""
        return (
            f"{self.devices} pumps from {self.start} to {self.end}: {self.records:,} records in {self.files} files, "
            f"{self.failures} failures{drift}"
        )


def simulate(spec: SimulateSpec, raw: Path, days: int | None = None, drift: str | None = None) -> SimulationSummary:
    """Let the fleet run `days` (default: spec.days) on from where it ended, and write its raw files below `raw`.

    raw: data/raw/<dataset>; truth and state go to data/truth/<dataset>. A drift holds from its first day on. The
    same spec and the same orders give the same bytes. Raises ParamsError or DataError.
    """
    if spec.fleet != "pumps":
        raise ParamsError(f"simulate.fleet: no fleet {spec.fleet!r}; expected pumps")
    check_drift(drift)
    truth = raw.parent.parent / "truth" / raw.name
    fleet = state.load(spec, raw, truth)
    state.save(fleet, truth)  # before any raw file: a run that is killed is known to have begun
    start, hours = fleet.end, 24 * (spec.days if days is None else days)
    rng = np.random.default_rng([spec.seed, len(fleet.runs) + 1])
    before = physics_of(fleet.drifts)
    fleet.drifts += [drift] if drift is not None else []
    happened = run(fleet.pumps, start, hours, spec.life_days * 24, before, physics_of(fleet.drifts), rng)
    measured, faults = spoil(happened.signals, rng)
    messages, dirt = send(measured, fleet.pumps, start, rng)
    files = _payloads(messages, spec, start, hours) | _log(happened, spec, start, hours, rng)
    _replace_files(raw, files, _day(start))
    _write_truth(truth, happened, faults, spec, start)
    failures = sum(kind == "failure" for *_, kind in happened.events)
    fleet.end = start + hours * HOUR
    fleet.runs.append({"from": _day(start), "to": _day(fleet.end), "drift": drift, "records": len(messages), **dirt})
    state.save(fleet, truth)
    return SimulationSummary(_day(start), _day(fleet.end), spec.devices, len(messages), len(files), failures, drift)


def device_names(count: int) -> list[str]:
    """pump-01, pump-02, ..."""
    width = max(2, len(str(count)))
    return [f"pump-{number:0{width}d}" for number in range(1, count + 1)]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _file_starts(start: float, hours: int) -> list[float]:
    return [start + day * DAY for day in range(0, max(hours // 24, 1), DAYS_A_FILE)]


def _payloads(messages: Messages, spec: SimulateSpec, start: float, hours: int) -> dict[str, bytes]:
    """Each vendor's files, a week each, lines in the order in which they arrived."""
    starts = _file_starts(start, hours)
    week = np.clip(np.searchsorted(starts, messages.received, side="right") - 1, 0, len(starts) - 1).tolist()
    lines: dict[tuple[int, int], list[str]] = defaultdict(list)
    for place, message, survived in zip(week, _messages(messages, spec), messages.garbled.tolist(), strict=True):
        kind = int(message.device.rpartition("-")[2]) % len(VENDORS)
        line = VENDORS[kind].write(message)
        lines[kind, place].append(line if survived >= 1 else line[: int(len(line) * survived)])
    found = {}
    for (kind, place), texts in lines.items():
        vendor = VENDORS[kind]
        whole = [vendor.header, *texts] if vendor.header else texts
        found[f"{vendor.name}/{_day(starts[place])}.{vendor.ending}"] = ("\n".join(whole) + "\n").encode()
    return found


def _messages(messages: Messages, spec: SimulateSpec) -> Iterator[Message]:
    names = device_names(spec.devices)
    m = messages
    columns = (m.device.tolist(), m.time.tolist(), np.round(m.received, 3).tolist(), m.values.tolist())
    for device, time, received, values in zip(*columns, strict=True):
        site, firmware = SITES[device % 7 % len(SITES)], _firmware(spec, device, time)
        yield Message(names[device], site, firmware, time, received, tuple(values))


def _firmware(spec: SimulateSpec, device: int, time: float) -> str:
    """Some pumps are updated on the way; a device's day does not depend on how far the simulation went."""
    begin = datetime.fromisoformat(spec.start).timestamp()
    updated = device % 3 == 1 and time >= begin + (10 + device % 40) * DAY
    return "2.1" if updated else "2.0"


def _log(happened: Run, spec: SimulateSpec, start: float, hours: int, rng: np.random.Generator) -> dict[str, bytes]:
    """The maintenance log, a file a week; people enter things minutes later."""
    names = device_names(spec.devices)
    starts = _file_starts(start, hours)
    lines: dict[int, list[str]] = {week: ["device,time,received,kind"] for week in range(len(starts))}
    for device, time, kind in sorted(happened.events, key=lambda e: (e[1], e[0])):
        received = time + float(rng.integers(120, 1800))
        place = int(np.searchsorted(starts, time, side="right")) - 1
        lines[place].append(f"{names[device]},{_iso(time)},{_iso(received)},{kind}")
    return {f"maintenance/{_day(starts[week])}.csv": ("\n".join(t) + "\n").encode() for week, t in lines.items()}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _replace_files(raw: Path, files: dict[str, bytes], since: str) -> None:
    """Write the files; what a killed run left of the same days goes."""
    for old in raw.glob("*/*"):
        if old.stem >= since and old.relative_to(raw).as_posix() not in files:
            old.unlink()
    for name, data in sorted(files.items()):
        write_bytes(raw / name, data)


def _write_truth(truth: Path, happened: Run, faults: list[Fault], spec: SimulateSpec, start: float) -> None:
    hours, devices = happened.load.shape
    names = np.asarray(device_names(spec.devices), dtype=object)
    seconds = start + HOUR * np.arange(hours)
    frame = pd.DataFrame(
        {"device": np.repeat(names, hours), "time": pd.to_datetime(np.tile(seconds, devices), unit="s", utc=True)}
    )
    for name in ("bearing", "impeller", "load"):
        frame[name] = getattr(happened, name).T.reshape(-1).astype(np.float32)
    write_table(truth / f"machines-{_day(start)}.parquet", frame)
    columns = [f.name for f in dataclasses.fields(Fault)]
    told = pd.DataFrame([dataclasses.astuple(fault) for fault in faults], columns=columns)
    told = told.assign(device=names[told["device"].to_numpy(dtype=np.int64)])
    for name in ("first", "last"):
        told[name] = pd.to_datetime(start + HOUR * told[name].to_numpy(dtype=np.float64), unit="s", utc=True)
    write_table(truth / f"faults-{_day(start)}.parquet", told)
