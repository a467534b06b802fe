"""The fleet of pumps: seeded, dirty in known ways, and able to go on under another physics."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import DataError, ParamsError
from pipelines.files import Place
from pipelines.ingest import ingest, read_devices, read_events, read_quarantine, read_rows
from pipelines.params import DatasetSpec, Order, SimulateSpec, load_params
from pipelines.simulate import simulate

ROOT = Path(__file__).parents[2]


def fleet(**changes: Any) -> SimulateSpec:
    return SimulateSpec(**{"devices": 6, "days": 15, "life_days": 12, **changes})


def run(root: Path, *days: int, orders: tuple[Order, ...] = (), **changes: Any) -> Path:
    """Simulate each number of days in turn, the orders in the last; the raw folder."""
    raw = root / "data" / "raw" / "pumps"
    for place, count in enumerate(days):
        simulate(fleet(**changes), raw, count, orders if place == len(days) - 1 else ())
    return raw


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def pumps_dataset() -> DatasetSpec:
    return load_params(ROOT).dataset("pumps")


def ingested(root: Path) -> tuple[Place, dict[str, Any]]:
    place = Place(root)
    tables = place.room("pumps", "ingest") / "tables"
    return place, ingest("pumps", pumps_dataset(), place.raw("pumps"), tables)


@pytest.fixture(scope="module")
def lap(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, dict[str, Any]]:
    root = tmp_path_factory.mktemp("fleet")
    run(root, 30, devices=9)
    return ingested(root)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    one, two, other = (files(run(tmp_path / n, 8, 5, seed=s).parents[2]) for n, s in (("a", 1), ("b", 1), ("c", 2)))
    assert one == two and one.keys() == other.keys() and one != other


def test_the_mappings_read_all_three_vendors_into_the_same_units(lap: tuple[Place, dict[str, Any]]) -> None:
    place, _ = lap
    rows, devices = read_rows(place, "pumps"), read_devices(place, "pumps")
    vendor = rows["device"].map(devices.groupby("device")["vendor"].first())
    medians = rows.groupby(vendor)[["pressure", "flow", "vibration", "current"]].median()
    assert sorted(medians.index) == ["aquatek", "borealis", "cima"]
    assert (medians.max() / medians.min()).max() < 1.5


def test_little_is_lost_and_all_is_accounted_for(lap: tuple[Place, dict[str, Any]]) -> None:
    place, report = lap
    assert report["records"] == report["accepted"] + report["quarantined"] + report["duplicates"]
    assert report["accepted"] > 0.95 * report["records"]
    assert min(report["duplicates"], report["quarantined"], report["cells_quarantined"]) > 0
    rules = {"not_json", "column_count", "out_of_range", "conflict"}
    assert set(read_quarantine(place, "pumps")["rule"]) <= rules


def test_the_usual_dirt_is_there(lap: tuple[Place, dict[str, Any]]) -> None:
    place, _ = lap
    rows = read_rows(place, "pumps")
    late = (rows["received"] - rows["time"]).dt.total_seconds()
    gaps = rows.groupby("device")["time"].diff().dt.total_seconds()
    assert (late > 3600).any() and (late >= 0).all() and (gaps > 4 * 3600).any()
    assert rows["flow"].isna().mean() < 0.05 and rows["flow"].isna().any()


def test_failure_and_repair_alternate_and_nothing_is_measured_between(lap: tuple[Place, dict[str, Any]]) -> None:
    place, _ = lap
    rows = read_rows(place, "pumps")
    for device, events in read_events(place, "pumps").groupby("device"):
        kinds = events["kind"].tolist()
        assert all(k == ("failure", "repair")[i % 2] for i, k in enumerate(kinds))
        for failed, back in zip(events["time"][::2], events["time"][1::2], strict=False):
            times = rows.loc[rows["device"] == device, "time"]
            assert not ((times > failed) & (times < back)).any()


def test_vibration_grows_towards_failure(lap: tuple[Place, dict[str, Any]]) -> None:
    place, _ = lap
    truth = pd.read_parquet(place.root / "data" / "truth" / "pumps" / "machines-2026-01-01.parquet")
    rows = read_rows(place, "pumps")
    joined = rows.assign(time=rows["time"].dt.floor("h")).merge(truth, on=["device", "time"])
    worn, fresh = joined[joined["bearing"] > 0.85], joined[joined["bearing"] < 0.3]
    assert worn["vibration"].median() > 1.4 * fresh["vibration"].median()


def test_going_on_adds_files_and_changes_none(tmp_path: Path) -> None:
    before = files(run(tmp_path, 8))
    summary = simulate(fleet(), tmp_path / "data" / "raw" / "pumps", 7)
    after = files(tmp_path / "data" / "raw" / "pumps")
    assert before.items() < after.items() and (summary.start, summary.end) == ("2026-01-09", "2026-01-16")


def test_a_killed_run_leaves_nothing_that_the_next_one_does_not_replace(tmp_path: Path) -> None:
    raw = run(tmp_path, 8)
    state = raw.parents[1] / "truth" / "pumps" / "state.json"
    saved = state.read_bytes()
    run(tmp_path, 15)
    state.write_bytes(saved)  # as if it had been killed before its last write
    run(tmp_path, 7)
    assert files(raw) == files(run(tmp_path / "other", 8, 7))


def test_the_drift_moves_healthy_machines_and_hides_the_bearing(tmp_path: Path) -> None:
    place = Place(run(tmp_path, 14, 20, orders=(Order(kind="wear"),), devices=9).parents[2])
    _, _ = ingested(tmp_path)
    rows = read_rows(place, "pumps", ["vibration"])
    truth = pd.concat([pd.read_parquet(p) for p in sorted((tmp_path / "data/truth/pumps").glob("machines-*"))])
    joined = rows.assign(time=rows["time"].dt.floor("h")).merge(truth, on=["device", "time"])
    after = joined["time"] >= pd.Timestamp("2026-01-16", tz="UTC")
    healthy, worn = joined["bearing"] < 0.3, joined["bearing"] > 0.8
    median = {k: joined.loc[m, "vibration"].median() for k, m in
              {"before": healthy & ~after, "after": healthy & after, "worn": worn & after}.items()}  # fmt: skip
    assert median["after"] > 1.25 * median["before"] and median["worn"] < 1.1 * median["after"]


def test_truth_is_kept_apart(tmp_path: Path) -> None:
    raw = run(tmp_path, 8)
    assert {p.name for p in raw.iterdir()} == {"aquatek", "borealis", "cima", "maintenance"}
    told = json.loads((tmp_path / "data/truth/pumps/state.json").read_text())["runs"]
    assert told[0]["records"] > 0 and {"lost", "late", "repeated", "garbled"} <= told[0].keys()


@pytest.mark.parametrize(("changes", "key"), [({"seed": 9}, "seed"), ({"devices": 5}, "devices")])
def test_another_fleet_cannot_go_on_where_this_one_ended(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    run(tmp_path, 1)
    with pytest.raises(DataError, match=f"was simulated with {key} .* to start anew"):
        run(tmp_path, 1, **changes)


def test_files_of_an_unknown_fleet_are_not_overwritten(tmp_path: Path) -> None:
    (run(tmp_path, 1).parents[1] / "truth" / "pumps" / "state.json").unlink()
    with pytest.raises(DataError, match="the fleet that wrote them is unknown"):
        run(tmp_path, 1)


def test_deleting_the_raw_files_starts_anew(tmp_path: Path) -> None:

    raw = run(tmp_path, 2)
    before = files(raw)
    shutil.rmtree(raw)
    assert files(run(tmp_path, 2)) == before


def test_an_unknown_fleet_names_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no fleet 'cars'; expected pumps"):
        run(tmp_path, 1, fleet="cars")


def test_the_truth_names_every_sensor_fault(lap: tuple[Place, dict[str, Any]]) -> None:
    place, _ = lap
    faults = pd.read_parquet(place.root / "data/truth/pumps/faults-2026-01-01.parquet")
    assert set(faults["kind"]) <= {"stuck", "drift"} and (faults["last"] > faults["first"]).all()
    assert np.isin(faults["device"], read_devices(place, "pumps")["device"]).all()
