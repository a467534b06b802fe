"""What is ordered of a fleet happens, to whom it was ordered and from when, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import ParamsError
from pipelines.files import Place
from pipelines.ingest import ingest, read_devices, read_rows
from pipelines.params import Order, SimulateSpec, load_params, parse_order
from pipelines.simulate import simulate

ROOT = Path(__file__).parents[2]
SPEC = SimulateSpec(devices=9, days=12, life_days=400)
START = pd.Timestamp("2026-01-01", tz="UTC")
CHANNELS = ["pressure", "flow", "temperature", "vibration", "current"]


def rows_after(root: Path, *orders: Order, runs: tuple[int, ...] = (12,)) -> pd.DataFrame:
    """Ingested rows by device and time of runs of so many days; the orders go to the first."""
    place = Place(root)
    for number, days in enumerate(runs):
        simulate(SPEC, place.raw("pumps"), days, orders if number == 0 else ())
    ingest("pumps", load_params(ROOT).dataset("pumps"), place.raw("pumps"), place.room("pumps", "ingest") / "tables")
    return read_rows(place, "pumps").set_index(["device", "time"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return rows_after(tmp_path_factory.mktemp("plain"))


def changed(plain: pd.DataFrame, now: pd.DataFrame) -> set[tuple[str, str]]:
    """(device, channel) whose values are not the same."""
    both = plain.join(now, lsuffix=".was", rsuffix=".is", how="outer")
    found = set()
    for channel in CHANNELS:
        was, is_ = both[f"{channel}.was"], both[f"{channel}.is"]
        other = ~((was == is_) | (was.isna() & is_.isna()))
        found |= {(device, channel) for device in both.index[other].get_level_values("device").unique()}
    return found


def after(rows: pd.DataFrame, device: str, channel: str, day: float) -> Any:
    values = rows.loc[device, channel]
    return values[values.index >= START + pd.Timedelta(days=day, hours=1)].dropna().to_numpy()


@pytest.mark.parametrize("kind", ["stuck", "offset", "unit_swap", "dropout"])
def test_a_broken_sensor_changes_its_channel_alone(tmp_path: Path, plain: pd.DataFrame, kind: str) -> None:
    order = Order(kind=kind, channel="flow", devices=("pump-04",), day=5)
    now = rows_after(tmp_path, order)
    assert changed(plain, now) == {("pump-04", "flow")}
    before = now.loc["pump-04"].index < START + pd.Timedelta(days=5)
    pd.testing.assert_series_equal(now.loc["pump-04", "flow"][before], plain.loc["pump-04", "flow"][before])


def test_each_sensor_fault_lies_in_its_own_way(tmp_path: Path, plain: pd.DataFrame) -> None:
    kinds = {"stuck": "pump-01", "offset": "pump-02", "unit_swap": "pump-03", "dropout": "pump-04"}
    now = rows_after(tmp_path, *(Order(kind=k, channel="flow", devices=(d,), day=5) for k, d in kinds.items()))
    assert np.ptp(after(now, "pump-01", "flow", 5)) < 0.2
    was, is_ = (np.median(after(rows, "pump-02", "flow", 5)) for rows in (plain, now))
    assert abs(abs(is_ - was) - 8.0) < 0.5
    assert len(after(now, "pump-03", "flow", 5)) < 0.7 * len(after(plain, "pump-03", "flow", 5))  # above its range
    assert len(after(now, "pump-04", "flow", 5)) == 0


def test_a_new_firmware_changes_one_channel_of_all_of_a_vendor_s_devices(tmp_path: Path, plain: pd.DataFrame) -> None:
    now = rows_after(tmp_path, Order(kind="firmware_unit", vendor="cima", channel="temperature", day=6))
    devices = read_devices(Place(tmp_path), "pumps")
    cima = set(devices.loc[devices["vendor"] == "cima", "device"])
    assert changed(plain, now) == {(device, "temperature") for device in cima}
    newest = devices[devices["firmware"] == "3.0"]
    assert set(newest["device"]) == cima
    assert (newest["from"] >= START + pd.Timedelta(days=6)).all()


def test_a_regime_of_one_site_moves_that_site_s_pumps(tmp_path: Path, plain: pd.DataFrame) -> None:
    now = rows_after(tmp_path, Order(kind="regime", site="mill", day=3))
    devices = read_devices(Place(tmp_path), "pumps").drop_duplicates("device").set_index("device")["site"]
    moved = {device for device, _ in changed(plain, now)}
    assert moved == set(devices.index[devices == "mill"])
    device = sorted(moved)[0]
    ratio = np.median(after(now, device, "pressure", 6)) / np.median(after(plain, device, "pressure", 6))
    assert 1.25 < ratio < 1.35


@pytest.mark.parametrize(("kind", "channel", "more"), [("season", "temperature", 2.0), ("load", "current", 3.0)])
def test_a_slow_drift_comes_slowly(tmp_path: Path, plain: pd.DataFrame, kind: str, channel: str, more: float) -> None:
    now = rows_after(tmp_path, Order(kind=kind))
    gain = (now[channel] - plain[channel]).groupby(level="time").mean()
    assert gain.iloc[:24].abs().mean() < 0.3 * gain.iloc[-48:].mean()
    assert gain.iloc[-48:].mean() > more


def test_an_order_holds_on_in_later_runs_until_it_ends(tmp_path: Path) -> None:
    orders = (
        Order(kind="dropout", channel="flow", devices=("pump-01",), day=5),
        Order(kind="dropout", channel="flow", devices=("pump-02",), day=5, days=4),
    )
    rows = rows_after(tmp_path, *orders, runs=(6, 6))
    assert len(after(rows, "pump-01", "flow", 5)) == 0
    assert len(after(rows, "pump-02", "flow", 9)) > 60


def test_the_truth_tells_what_was_ordered(tmp_path: Path) -> None:
    rows_after(tmp_path, Order(kind="stuck", devices=2, day=1), Order(kind="wear", day=2))
    told = json.loads((tmp_path / "data/truth/pumps/orders.json").read_text())
    assert [(o["kind"], o["class"]) for o in told] == [("stuck", "sensor_fault"), ("wear", "drift")]
    assert len(told[0]["devices"]) == 2 and told[0]["channel"] in CHANNELS and len(told[1]["devices"]) == 9


def test_orders_are_drawn_the_same_twice(tmp_path: Path) -> None:
    truths = []
    for name in ("a", "b"):
        simulate(SPEC, tmp_path / name / "data/raw/pumps", 2, (Order(kind="offset", devices=3),))
        truths.append((tmp_path / name / "data/truth/pumps/orders.json").read_bytes())
    assert truths[0] == truths[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rust", "order 'rust': .*'stuck'"),
        ("stuck day", "'day' is not key=value"),
        ("stuck size=3", "size belongs to an offset"),
        ("wear channel=flow", "channel does not belong to wear"),
        ("stuck colour=red", "keys are kind, day"),
        ("stuck day=soon", "day: .*valid number"),
    ],
)
def test_an_order_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        parse_order(text)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Order(kind="stuck", channel="torque"), "channel 'torque'.*expected one of pressure"),
        (Order(kind="stuck", devices=("pump-99",)), "device 'pump-99'"),
        (Order(kind="stuck", devices=10), "order for 10 devices; the fleet has 9"),
        (Order(kind="firmware_unit", vendor="acme"), "vendor 'acme'.*expected one of aquatek"),
    ],
)
def test_an_order_for_what_the_fleet_does_not_have_names_what_it_has(
    tmp_path: Path, order: Order, message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        simulate(SPEC, tmp_path / "data/raw/pumps", 1, (order,))


def test_an_order_in_one_line_is_the_same_order() -> None:
    assert parse_order("offset channel=flow devices=pump-03,pump-07 day=5.5 size=-8") == Order(
        kind="offset", channel="flow", devices=("pump-03", "pump-07"), day=5.5, size=-8.0
    )
    assert parse_order("stuck devices=3").devices == 3
