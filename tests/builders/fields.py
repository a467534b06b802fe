"""The simulated fleet as both sides of a judgement, without files: physics, sensors, orders; a formula for a model."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd

from pipelines.ingest import channels_of
from pipelines.params import DatasetSpec, Order, SimulateSpec, UseCaseSpec
from pipelines.simulate.fleet import device_names, site_of, usual_firmware, vendor_of
from pipelines.simulate.machine import CHANNELS, HOUR, build, run
from pipelines.simulate.orders import DAY, Standing, firmware_by_order, physics_at, spoil_by_order, stand
from pipelines.simulate.sensors import Fault, spoil
from pipelines.tasks.base import life_left
from pipelines.watch.cohorts import cohorts_of
from pipelines.watch.frames import Whole
from pipelines.watch.watch import Sides

KNOWN, FIELD = 75, 42  # days that the model knows, and days in the field
SPEC = SimulateSpec(devices=36)
HELD_BACK = 3  # every third device of each vendor


def field(case: UseCaseSpec, dataset: DatasetSpec, *orders: Order, seed: int = 1000) -> Sides:
    """A fleet whose orders come in the field; their days count from the field's first."""
    return field_and_truth(case, dataset, *orders, seed=seed)[0]


def field_and_truth(
    case: UseCaseSpec, dataset: DatasetSpec, *orders: Order, seed: int
) -> tuple[Sides, set[tuple[str, str]]]:
    """The same, and which channels of which devices lie at some time in the field: by order or of themselves."""
    start = datetime.fromisoformat(SPEC.start).timestamp()
    begin = start + KNOWN * DAY
    drawn = np.random.default_rng(11)
    standing = [stand(order, begin, SPEC, drawn) for order in orders]
    frame, broke = _frame(case, dataset, standing, start, seed)
    known = (frame["time"] < pd.Timestamp(begin, unit="s", tz="UTC")).to_numpy()
    names = device_names(SPEC.devices)
    held_back = frame["device"].isin(names[i] for i in range(SPEC.devices) if (i // 3) % HELD_BACK == 0)
    reference, log = frame[known & held_back].reset_index(drop=True), frame[~known].reset_index(drop=True)
    devices = _devices(standing, start)
    channels = tuple(channels_of(dataset)[name] for name in CHANNELS)
    cohorts = cohorts_of(names, devices, frame["time"].max())
    past = Whole(frame[known].reset_index(drop=True))
    begin, end = (log["time"].agg(how) for how in ("min", "max"))
    lies = {(names[f.device], f.channel) for f in broke if f.last > KNOWN * 24}
    lies |= {(names[d], str(o.channel)) for o in standing if o.channel is not None for d in o.devices}
    return Sides(Whole(log), Whole(reference), past, channels, cohorts, devices, begin, end), lies


def _frame(
    case: UseCaseSpec, dataset: DatasetSpec, orders: list[Standing], start: float, seed: int
) -> tuple[pd.DataFrame, list[Fault]]:
    rng = np.random.default_rng(seed)
    life_h, hours = SPEC.life_days * 24, (KNOWN + FIELD) * 24
    physics = partial(physics_at, orders, devices=SPEC.devices)
    happened = run(build(SPEC.devices, life_h, rng), start, hours, life_h, physics, rng)
    measured, broke = spoil(happened.signals, rng)
    measured = spoil_by_order(measured, orders, start)
    names = device_names(SPEC.devices)
    time = pd.to_datetime(start + HOUR * np.arange(hours), unit="s", utc=True).as_unit("us")
    frame = pd.DataFrame({"device": np.repeat(names, hours), "time": np.tile(time, SPEC.devices)})
    for place, (name, channel) in enumerate(channels_of(dataset).items()):
        values = measured[:, :, place].T.ravel()
        values[(values < channel.min) | (values > channel.max)] = np.nan
        frame[name], frame[f"{name}.measured"] = values.astype(np.float32), np.isfinite(values)
    told = [(names[d], pd.Timestamp(t, unit="s", tz="UTC"), kind) for d, t, kind in happened.events]
    events = pd.DataFrame(told, columns=["device", "time", "kind"]).astype({"time": "datetime64[us, UTC]"})
    spoke = np.logical_or.reduce([frame[f"{name}.measured"] for name in CHANNELS])
    return _answered(frame[spoke].reset_index(drop=True), events, case), broke


def _answered(frame: pd.DataFrame, events: pd.DataFrame, case: UseCaseSpec) -> pd.DataFrame:
    """With what a simple model says (it shakes: it fails), and what came of it."""
    life = life_left(frame, events, case.task.failure, 3600.0)
    last = frame.groupby("device", sort=False)["time"].transform("max")
    ahead = np.asarray((last - frame["time"]).dt.total_seconds() / 3600.0)
    shaking = frame.groupby("device")["vibration"].transform(lambda v: v.ffill().rolling(24, min_periods=1).mean())
    score = (1 / (1 + np.exp(-(2.0 * (shaking - 4.5))))).to_numpy(dtype=np.float32)
    healthy = case.task.healthy(np.where(np.isfinite(life), life, ahead))
    target = case.task.target(life, ahead)
    return frame.assign(score=score, acts=score > 0.7, life=life, target=target, healthy=healthy)


def _devices(orders: list[Standing], start: float) -> pd.DataFrame:
    lines = []
    for number, name in enumerate(device_names(SPEC.devices)):
        before = ""
        for day in range(KNOWN + FIELD):
            time = start + day * DAY
            version = firmware_by_order(orders, number, time) or usual_firmware(SPEC, number, time)
            if version != before:
                lines.append((name, time, site_of(number), vendor_of(number).name, version))
            before = version
    table = pd.DataFrame(lines, columns=["device", "from", "site", "vendor", "firmware"])
    return table.assign(**{"from": pd.to_datetime(table["from"], unit="s", utc=True)})
