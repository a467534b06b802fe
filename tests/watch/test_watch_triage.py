"""What starts a training and what does not, on the simulated fleet: sensors and firmware never, the world always."""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from pipelines.params import Order, load_params
from pipelines.watch.watch import Judged, judge_sides
from tests.builders.fields import field

pytestmark = pytest.mark.slow
PARAMS = load_params(Path(__file__).parents[2])


@cache
def judged(*orders: Order) -> Judged:
    case = PARAMS.use_case("pumps")
    return judge_sides(field(case, PARAMS.dataset("pumps"), *orders), "pumps", case, 3600.0)


@cache
def running(day: int, around: int = 5) -> tuple[str, ...]:
    """Devices that neither pause nor are about to fail in the days around one: whose sensors can be told from them."""
    case = PARAMS.use_case("pumps")
    sides = field(case, PARAMS.dataset("pumps"))
    frame = sides.log.of(sides.log.devices)
    since = sides.begin + pd.Timedelta(days=day - around)
    near = frame[(frame["time"] >= since) & (frame["time"] < since + pd.Timedelta(days=2 * around))]
    by = near.groupby("device")["healthy"]
    return tuple(sorted(by.all()[by.all() & (by.size() >= 2 * around * 24 - 2)].index))


def retrains(found: Judged) -> bool:
    return any(f.retrain for f in found.findings)


def test_a_healthy_fleet_starts_no_training():
    assert not retrains(judged())


@pytest.mark.parametrize(
    ("kind", "channel", "size"),
    [
        ("stuck", "flow", None),
        ("offset", "temperature", 25.0),
        ("offset", "current", -20.0),
        ("unit_swap", "temperature", None),
        ("dropout", "vibration", None),
    ],
)
def test_a_sensor_that_breaks_on_a_running_machine_is_a_ticket_and_starts_no_training(kind, channel, size):
    broken = running(8)[:3]
    found = judged(Order(kind=kind, channel=channel, devices=broken, day=8, size=size))
    tickets = {f.cohort for f in found.findings if f.kind == "sensor_fault" and channel in f.channels}
    assert not retrains(found)
    assert tickets >= set(broken)


@pytest.mark.parametrize(
    ("kind", "vendor", "channel"),
    [
        ("firmware_unit", "cima", "temperature"),
        ("firmware_unit", "borealis", "vibration"),
        ("firmware_unit", "aquatek", "flow"),
        ("firmware_unit", "cima", "pressure"),
        ("firmware_field", "aquatek", "current"),
    ],
)
def test_a_firmware_that_changes_the_data_is_its_vendor_s_ticket(kind, vendor, channel):
    found = judged(Order(kind=kind, vendor=vendor, channel=channel, day=8))
    upstream = [f for f in found.findings if f.kind == "upstream_change"]
    assert not retrains(found)
    assert {(f.cohort, f.channels) for f in upstream} == {(f"vendor={vendor}", (channel,))}


@pytest.mark.parametrize("kind", ["wear", "regime", "load", "season"])
def test_a_world_that_changes_starts_a_training(kind):
    assert retrains(judged(Order(kind=kind, day=1)))


def test_a_site_that_changes_is_named():
    found = judged(Order(kind="regime", site="mill", day=3))
    assert any(f.retrain and f.cohort == "site=mill" for f in found.findings)


def test_drift_is_found_among_broken_sensors_and_the_sensors_among_drift():
    orders = (Order(kind="regime", day=1), Order(kind="dropout", channel="vibration", devices=2, day=8))
    found = judged(*orders)
    assert retrains(found)
    assert len([f for f in found.findings if f.kind == "sensor_fault" and f.channels == ("vibration",)]) == 2
