"""Let a seeded fleet run and write raw files as its vendors would; the truth goes elsewhere."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.errors import ParamsError
from pipelines.files import write_bytes, write_json, write_table
from pipelines.params import Order, SimulateSpec
from pipelines.simulate import state
from pipelines.simulate.fleet import device_names, site_of, usual_firmware, vendor_of
from pipelines.simulate.machine import HOUR, Run, run
from pipelines.simulate.network import Messages, send
from pipelines.simulate.orders import Standing, firmware_by_order, physics_at, spoil_by_order, stand, truth_of
from pipelines.simulate.sensors import Fault, spoil
from pipelines.simulate.vendors import VENDORS, Message

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
    orders: tuple[str, ...]

    def __str__(self) -> str:
        ordered = f", ordered: {', '.join(self.orders)}" if self.orders else ""
        return (
            f"{self.devices} pumps from {self.start} to {self.end}: {self.records:,} records in {self.files} files, "
            f"{self.failures} failures{ordered}"
        )


def simulate(spec: SimulateSpec, raw: Path, days: int | None = None, orders: Sequence[Order] = ()) -> SimulationSummary:
    """Let the fleet run `days` (default: spec.days) on from where it ended, and write its raw files below `raw`.

    raw: data/raw/<dataset>; truth and state go to data/truth/<dataset>. orders: changes on days of this run; they hold
    on in later ones (those of the spec are given to the first). The same spec and the same orders give the same bytes.
    Raises ParamsError or DataError.
    """
    if spec.fleet != "pumps":
        raise ParamsError(f"simulate.fleet: no fleet {spec.fleet!r}; expected pumps")
    truth = raw.parent.parent / "truth" / raw.name
    fleet = state.load(spec, raw, truth)
    state.save(fleet, truth)  # before any raw file: a run that is killed is known to have begun
    start, hours = fleet.end, 24 * (spec.days if days is None else days)
    rng = np.random.default_rng([spec.seed, len(fleet.runs) + 1])
    given = (*(() if fleet.runs else spec.orders), *orders)
    drawn = np.random.default_rng([spec.seed, len(fleet.runs) + 1, 1])  # of its own: orders change nothing else
    fleet.orders += [stand(order, start, spec, drawn) for order in given]
    physics = partial(physics_at, fleet.orders, devices=spec.devices)
    happened = run(fleet.pumps, start, hours, spec.life_days * 24, physics, rng)
    measured, faults = spoil(happened.signals, rng)
    measured = spoil_by_order(measured, fleet.orders, start)
    messages, dirt = send(measured, fleet.pumps, start, rng)
    files = _payloads(messages, spec, fleet.orders, start, hours) | _log(happened, spec, start, hours, rng)
    _replace_files(raw, files, _day(start))
    _write_truth(truth, happened, faults, spec, start)
    write_json(truth / "orders.json", truth_of(fleet.orders, device_names(spec.devices)))
    kinds = [order.kind for order in given]
    failures = sum(kind == "failure" for *_, kind in happened.events)
    fleet.end = start + hours * HOUR
    fleet.runs.append({"from": _day(start), "to": _day(fleet.end), "orders": kinds, "records": len(messages), **dirt})
    state.save(fleet, truth)
    span = (_day(start), _day(fleet.end))
    return SimulationSummary(*span, spec.devices, len(messages), len(files), failures, tuple(kinds))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _file_starts(start: float, hours: int) -> list[float]:
    return [start + day * DAY for day in range(0, max(hours // 24, 1), DAYS_A_FILE)]


def _payloads(
    messages: Messages, spec: SimulateSpec, orders: Sequence[Standing], start: float, hours: int
) -> dict[str, bytes]:
    """Each vendor's files, a week each, lines in the order in which they arrived."""
    starts = _file_starts(start, hours)
    week = np.clip(np.searchsorted(starts, messages.received, side="right") - 1, 0, len(starts) - 1).tolist()
    lines: dict[tuple[str, int], list[str]] = defaultdict(list)
    where = (week, messages.device.tolist(), messages.garbled.tolist())
    told = zip(*where, _messages(messages, spec, orders), strict=True)
    for place, device, survived, message in told:
        vendor = vendor_of(device)
        line = vendor.write(message)
        lines[vendor.name, place].append(line if survived >= 1 else line[: int(len(line) * survived)])
    found = {}
    for (name, place), texts in lines.items():
        vendor = next(v for v in VENDORS if v.name == name)
        whole = [vendor.header, *texts] if vendor.header else texts
        found[f"{vendor.name}/{_day(starts[place])}.{vendor.ending}"] = ("\n".join(whole) + "\n").encode()
    return found


def _messages(messages: Messages, spec: SimulateSpec, orders: Sequence[Standing]) -> Iterator[Message]:
    names = device_names(spec.devices)
    m = messages
    columns = (m.device.tolist(), m.time.tolist(), np.round(m.received, 3).tolist(), m.values.tolist())
    for device, time, received, values in zip(*columns, strict=True):
        firmware = firmware_by_order(orders, device, time) or usual_firmware(spec, device, time)
        yield Message(names[device], site_of(device), firmware, time, received, tuple(values))


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
