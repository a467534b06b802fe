"""Sensors that break, machines and worlds that change: told apart by how the device's other channels do."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines.watch.cohorts import cohorts_of
from pipelines.watch.measure import Calendar
from pipelines.watch.pieces import cut, longest_runs, runs_at_the_end
from pipelines.watch.sensors import Fault, Look, find_faults, learn_sensors
from pipelines.watch.upstream import sort_faults
from tests.builders.histories import CHANNELS, NAMES, histories, newest_slot, rows_of

LOOK = Look(period_s=3600.0, window=168, m=3, nominal=0.05)
SINCE = "2026-03-05 14:00"
NOW = "2026-03-12T00:00:00Z"


@pytest.fixture(scope="module")
def reference():
    return histories(10, 60, seed=1, tag="held")


def log(devices: int = 12) -> pd.DataFrame:
    return histories(devices, 70, seed=2)


def found_in(frame, reference) -> tuple[Fault, ...]:
    calendar = Calendar(LOOK.period_s, LOOK.piece, newest_slot(frame["time"], LOOK.period_s))
    runs = [[longest_runs(reference, name, replace(calendar, window=LOOK.window))] for name in NAMES]
    null = learn_sensors(cut(reference, NAMES, calendar), runs, LOOK)
    pieces = cut(frame, NAMES, calendar, LOOK.pieces)
    ends = runs_at_the_end(frame, NAMES)
    return find_faults(pieces, ends, null, CHANNELS, LOOK, lambda names: frame[frame["device"].isin(names)])


def faults(frame, reference):
    return {(f.device, f.channel): f for f in found_in(frame, reference) if not f.weak}


def devices_table(frame: pd.DataFrame, since: str | None = None) -> pd.DataFrame:
    """Three vendors in turn; since: when vendor 1 changed its firmware."""
    names = sorted(frame["device"].unique())
    table = pd.DataFrame({"device": names, "from": pd.Timestamp("2026-01-01", tz="UTC"), "firmware": "1.0"})
    table = table.assign(site=[f"s{i % 2}" for i in range(len(names))], vendor=[f"v{i % 3}" for i in range(len(names))])
    newer = table[table["vendor"] == "v1"].assign(firmware="2.0")
    return table if since is None else pd.concat([table, newer.assign(**{"from": pd.Timestamp(since, tz="UTC")})])


def sorted_out(frame, reference, table=None):
    table = devices_table(frame) if table is None else table
    cohorts = cohorts_of(sorted(frame["device"].unique()), table, frame["time"].max())
    found = found_in(frame, reference)
    return sort_faults("pumps", found, cohorts, table, NOW)


def test_healthy_devices_have_no_fault(reference):
    assert faults(log(30), reference) == {}


def test_an_offset_is_found_with_its_moment_and_size(reference):
    frame = log()
    frame.loc[rows_of(frame, ["pump-03"], SINCE), "flow"] += 3.0
    fault = faults(frame, reference)["pump-03", "flow"]
    assert (fault.kind, len(faults(frame, reference))) == ("offset", 1)
    assert abs(fault.since - pd.Timestamp(SINCE, tz="UTC")) <= pd.Timedelta(hours=12)
    assert 2.5 < fault.size < 3.5


def test_a_swapped_unit_says_by_which_factor(reference):
    frame = log()
    frame.loc[rows_of(frame, ["pump-03"], SINCE), "pressure"] *= 3.6
    assert ", x3." in faults(frame, reference)["pump-03", "pressure"].sentence


def test_a_stuck_sensor_and_a_silent_one_are_named(reference):
    frame = log()
    frame.loc[rows_of(frame, ["pump-01"], SINCE), "heat"] = np.float32(11.0)
    frame.loc[rows_of(frame, ["pump-02"], SINCE), "noise.measured"] = False
    found = faults(frame, reference)
    assert {key: f.kind for key, f in found.items()} == {("pump-01", "heat"): "stuck", ("pump-02", "noise"): "dropout"}
    assert {f.since for f in found.values()} == {pd.Timestamp(SINCE, tz="UTC")}


def test_a_sensor_that_recovered_is_well(reference):
    frame = log()
    frame.loc[rows_of(frame, ["pump-03"], "2026-02-20", "2026-03-02"), "flow"] += 3.0
    assert faults(frame, reference) == {}


def test_a_machine_that_wears_is_no_broken_sensor(reference):
    frame = log()
    rows = rows_of(frame, ["pump-03"], "2026-02-20")
    frame.loc[rows, "noise"] += (5.0 * (np.arange(rows.sum()) / rows.sum()) ** 2).astype(np.float32)
    assert faults(frame, reference) == {}


def test_a_load_that_jumps_moves_all_its_channels_and_is_no_broken_sensor(reference):
    frame = log()
    rows = rows_of(frame, ["pump-03"], SINCE)
    for name, share in (("pressure", 1.0), ("flow", 2.0), ("heat", 0.5)):
        frame.loc[rows, name] += np.float32(4 * share)
    assert faults(frame, reference) == {}


def test_a_step_across_a_silence_is_a_repair(reference):
    frame = log()
    frame.loc[rows_of(frame, ["pump-03"], SINCE), "noise"] -= 4.0
    silent = rows_of(frame, ["pump-03"], "2026-03-04 18:00", SINCE)
    assert faults(frame[~silent].reset_index(drop=True), reference) == {}


def test_a_channel_that_is_constant_by_nature_is_never_stuck(reference):
    frame, healthy = log().assign(heat=np.float32(3.0)), reference.assign(heat=np.float32(3.0))
    assert faults(frame, healthy) == {}


def test_one_device_s_fault_is_its_sensor_s(reference):
    frame = log()
    frame.loc[rows_of(frame, ["pump-03"], SINCE), "flow"] += 3.0
    (finding,) = sorted_out(frame, reference)
    assert (finding.kind, finding.cohort, finding.channels) == ("sensor_fault", "pump-03", ("flow",))
    assert not finding.retrain


@pytest.mark.parametrize("how", ["unit", "field"])
def test_what_all_devices_of_a_vendor_show_came_from_upstream(reference, how):
    frame = log(18)
    vendor = [f"pump-{d:02d}" for d in range(1, 18, 3)]
    rows = rows_of(frame, vendor, SINCE)
    if how == "unit":
        frame.loc[rows, "heat"] = frame.loc[rows, "heat"] * np.float32(1.8) + np.float32(32)
    else:
        frame.loc[rows, "heat.measured"] = False
    (finding,) = sorted_out(frame, reference, devices_table(frame, SINCE))
    assert (finding.kind, finding.cohort, finding.channels) == ("upstream_change", "vendor=v1", ("heat",))
    assert "6 of the 6 devices of vendor=v1 show it, 0 others" in finding.evidence
    assert "6 of them had changed their firmware, the first on 2026-03-05" in finding.evidence


@pytest.mark.parametrize("how", [lambda v: v + np.float32(4.0), lambda v: v * np.float32(1.4)], ids=["sum", "factor"])
def test_a_step_in_all_the_fleet_is_the_world_s(reference, how):
    frame = log(18)
    rows = rows_of(frame, list(frame["device"].unique()), SINCE)
    frame.loc[rows, "noise"] = how(frame.loc[rows, "noise"])
    assert faults(frame, reference) == {}
    assert sorted_out(frame, reference) == ()


def test_a_channel_that_all_the_fleet_lost_came_from_upstream(reference):
    frame = log(18)
    frame.loc[rows_of(frame, list(frame["device"].unique()), SINCE), "noise.measured"] = False
    (finding,) = sorted_out(frame, reference)
    assert (finding.kind, finding.cohort) == ("upstream_change", "fleet")
