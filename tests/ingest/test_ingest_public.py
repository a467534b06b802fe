"""Public datasets, mapped by YAML alone, come out with the counts that their providers publish."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flows.raw import add_files
from pipelines.files import Place, read_json
from pipelines.ingest import ingest_report, read_devices, read_events, read_files, read_labels, read_rows
from pipelines.ingest.stage import main as ingest
from pipelines.validate.stage import main as validate

ROOT = Path(__file__).parents[2]
Bring = Callable[[str], Place]


@pytest.fixture
def bring(tmp_path: Path, public_data: Path) -> Bring:
    """`fleetloop data add NAME PATH`, then ingest and validate; every record accepted, every table rule kept."""

    def brought(name: str) -> Place:
        if not (public_data / name).is_dir():
            pytest.skip(f"{public_data / name} is not there")
        shutil.copy(ROOT / "params.yaml", tmp_path)
        place = Place(tmp_path)
        add_files(tmp_path, name, public_data / name)
        ingest(place, name)
        validate(place, name)
        report = ingest_report(place, name)
        assert report["accepted"] == report["records"] == read_files(place, name)["records"].sum()
        assert read_json(place.room(name, "validate") / "verdict.json", "")["passed"]
        return place

    return brought


def rows_labelled(place: Place, name: str) -> dict[str, int]:
    """How many rows lie in an interval of each label."""
    rows, found = read_rows(place, name, []), {}
    for label, part in read_labels(place, name).groupby("label"):
        inside = [
            ((rows["device"] == one.device) & (rows["time"] >= one[2]) & (rows["time"] <= one[3])).sum()
            for one in part.itertuples()
        ]
        found[str(label)] = int(sum(inside))
    return found


def missing(place: Place, name: str, *channels: str) -> list[int]:
    return [int(n) for n in read_rows(place, name, list(channels))[list(channels)].isna().sum()]


def span(rows: pd.DataFrame) -> tuple[str, str]:
    return f"{rows['time'].min():%Y-%m-%d %H:%M}", f"{rows['time'].max():%Y-%m-%d %H:%M}"


def test_air_quality(bring: Bring) -> None:
    place = bring("air_quality")
    rows = read_rows(place, "air_quality")
    assert (len(rows), span(rows)) == (9357, ("2004-03-10 18:00", "2005-04-04 14:00"))
    gone = missing(
        place, "air_quality", "sensor_co", "co_reference", "nox_reference", "no2_reference", "nmhc_reference"
    )
    assert gone == [366, 1683, 1639, 1642, 8443]


def test_gas_drift(bring: Bring) -> None:
    place = bring("gas_drift")
    files = read_files(place, "gas_drift")["records"].tolist()
    assert files == [445, 1244, 1586, 161, 197, 2300, 294, 470] and len(read_rows(place, "gas_drift", [])) == 6697
    labels = rows_labelled(place, "gas_drift")
    assert (labels["acetone"], labels["toluene"], sum(labels.values())) == (1779, 665, 6697)


def test_occupancy(bring: Bring) -> None:
    place = bring("occupancy")
    assert read_rows(place, "occupancy", [])["device"].value_counts().to_dict() == {
        "datatraining": 8143,
        "datatest": 2665,
        "datatest2": 9752,
    }
    assert rows_labelled(place, "occupancy")["occupied"] == round(0.2123 * 8143) + round(0.3647 * 2665) + round(
        0.2101 * 9752
    )
    sides = read_devices(place, "occupancy").set_index("device")["side"]
    assert sides[["datatest", "datatest2"]].tolist() == ["test", "test"] and pd.isna(sides["datatraining"])


def test_hydraulic(bring: Bring) -> None:
    place = bring("hydraulic")
    rows = read_rows(place, "hydraulic")
    assert len(rows) == 2205 * 60 and read_files(place, "hydraulic")["records"].tolist() == [2205] * 5
    assert rows["ts1"].head(3).tolist() == pytest.approx([35.570, 35.492, 35.469])  # the file's first cells, in time
    cycles = {label: count // 60 for label, count in rows_labelled(place, "hydraulic").items()}
    assert [cycles[f"cooler {word}"] for word in ("failing", "reduced", "full")] == [732, 732, 741]
    assert [cycles[f"valve {word}"] for word in ("failing", "lagging", "slow", "good")] == [360, 360, 360, 1125]
    assert [cycles[f"pump {word}"] for word in ("tight", "leaks", "leaks much")] == [1221, 492, 492]
    assert [cycles[f"accumulator {w}"] for w in ("failing", "low", "reduced", "good")] == [808, 399, 399, 599]
    assert (cycles["stable"], cycles["unstable"]) == (1449, 756)


def test_skab(bring: Bring) -> None:
    place = bring("skab")
    rows = read_rows(place, "skab", [])["device"]
    labels = rows_labelled(place, "skab")
    healthy = int((rows == "anomaly-free").sum())
    assert (rows.nunique(), len(rows) - healthy, healthy) == (35, 37401, 9405)
    assert labels["anomaly"] == 13067 and sum(labels.values()) == 37401
    assert (read_events(place, "skab")["kind"] == "changepoint").sum() == 129


def test_ett(bring: Bring) -> None:
    place = bring("ett")
    rows = read_rows(place, "ett")
    assert (len(rows), span(rows)) == (17420, ("2016-07-01 00:00", "2018-06-26 19:00"))
    assert not rows.isna().any(axis=None) and rows["device"].unique().tolist() == ["ETTh1"]
