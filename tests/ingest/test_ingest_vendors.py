"""Layouts of imaginary vendors, each mapped by YAML alone, as docs/mapping.md tells a stranger to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.errors import DataError
from pipelines.ingest import preview_dataset, read_labels, read_quarantine, read_rows
from pipelines.params import DatasetSpec
from tests.builders.raw import Checkout, cells

T = 1_767_225_600  # 2026-01-01
USUAL = {"title": "t", "period_s": 3600, "storage": {"buckets": 1, "span": "all"}}


def vendor(root: Path, channels: dict[str, str], source: str, files: dict[str, str | bytes]) -> Checkout:
    spec = {name: {"unit": unit, "min": -100, "max": 1000} for name, unit in channels.items()}
    sources = {"vendor": yaml.safe_load(source)}
    here = Checkout(root, DatasetSpec.model_validate(USUAL | {"channels": spec, "sources": sources}))
    for name, data in files.items():
        here.write(name, data)
    report = here.ingest()
    assert report["records"] == report["accepted"] + report["quarantined"] + report["duplicates"]
    return here


def rows_of(here: Checkout) -> list[tuple[Any, ...]]:
    return cells(read_rows(here.place, "some"))


def test_dates_as_columns_a_meter_a_line(tmp_path: Path) -> None:
    source = """
        files: "*.csv"
        decoder: table
        spread: {columns: ["*-*-*"], field: load}
        device: "{meter}"
        time: {field: "{column}", format: "%d-%m-%Y"}
        channels: {load: load}
    """
    text = "meter,01-01-2026,02-01-2026\nm1,1.5,2.5\nm2,,3\n"
    here = vendor(tmp_path, {"load": "kWh"}, source, {"a.csv": text})
    assert rows_of(here) == [("m1", T, 1.5), ("m1", T + 86400, 2.5), ("m2", T, None), ("m2", T + 86400, 3.0)]


def test_a_file_a_channel_named_by_it(tmp_path: Path) -> None:
    source = """
        files: "*/*.csv"
        decoder: table
        device: "{folder}"
        time: {field: stamp, format: epoch_s}
        long: {name: file, value: reading}
        channels: {pressure: {field: P_out, unit: mbar}, flow: Q}
    """
    files = {
        "pump-7/P_out.csv": f"stamp,reading\n{T},1000\n{T + 60},2000\n",
        "pump-7/Q.csv": f"stamp,reading\n{T},7\n",
    }
    here = vendor(tmp_path, {"pressure": "bar", "flow": "l/s"}, source, files)
    merged = sorted(rows_of(here), key=lambda row: (row[1], row[2] is None))
    assert merged == [("pump-7", T, 1.0, None), ("pump-7", T, None, 7.0), ("pump-7", T + 60, 2.0, None)]


def test_a_german_export_of_a_spreadsheet(tmp_path: Path) -> None:
    source = """
        files: "*.csv"
        decoder: table
        table: {delimiter: ";", decimal: ",", thousands: ".", after_header: 1}
        device: "{Anlage}"
        time: {field: "{Datum} {Uhrzeit}", format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
        missing: ["-", "#NV"]
        channels: {temperature: Temperatur, power: {field: Leistung, unit: W}}
    """
    text = (
        "\ufeffAnlage;Datum;Uhrzeit;Temperatur;Leistung;Bemerkung\r\n;;;°C;W;\r\n"
        'A1;01.01.2026;01:00;21,5;1.234,5;"Filter getauscht; ""neu"""\r\nA1;01.01.2026;02:00;#NV;-;\r\n'
    )
    here = vendor(tmp_path, {"temperature": "degC", "power": "kW"}, source, {"a.csv": text})
    assert rows_of(here) == [("A1", T, 21.5, 1.2345), ("A1", T + 3600, None, None)]


def test_samples_in_lists_of_json(tmp_path: Path) -> None:
    source = """
        files: "*.jsonl"
        decoder: json
        each: data.samples
        device: "{dev.id}"
        time: {field: t, format: epoch_ms}
        channels: {pressure: p}
    """
    told = {"dev": {"id": "x"}, "data": {"samples": [{"t": T * 1000, "p": 5}, {"t": (T + 1) * 1000, "p": 6}]}}
    bad = {"dev": {"id": "x"}, "data": {"samples": 7}}
    here = vendor(tmp_path, {"pressure": "bar"}, source, {"a.jsonl": f"{json.dumps(told)}\n{json.dumps(bad)}\n"})
    assert rows_of(here) == [("x", T, 5.0), ("x", T + 1, 6.0)]
    assert [entry.rule for entry in read_quarantine(here.place, "some").itertuples()] == ["no_list"]


@pytest.mark.parametrize(
    ("each", "time", "field", "told"),
    [
        ("[stamps, p]", "stamps", "p", {"stamps": [T, T + 1], "p": [5, None]}),
        ("rows", '"1"', '"2"', {"rows": [[T, 5], [T + 1, None]]}),
    ],
)
def test_lists_side_by_side_and_lists_of_lists(tmp_path: Path, each: str, time: str, field: str, told: Any) -> None:
    source = f"""
        files: "*.jsonl"
        decoder: json
        each: {each}
        device: x
        time: {{field: {time}, format: epoch_s}}
        channels: {{pressure: {field}}}
    """
    here = vendor(tmp_path, {"pressure": "bar"}, source, {"a.jsonl": json.dumps(told) + "\n"})
    assert rows_of(here) == [("x", T, 5.0), ("x", T + 1, None)]


def test_a_historian_s_long_parquet_with_quality_codes(tmp_path: Path) -> None:
    source = """
        files: "*.parquet"
        decoder: parquet
        device: plant
        time: {field: ts}
        long: {name: tag, value: val}
        channels:
          pressure: {field: PT-1, unit: kPa, quality: q, good: [192]}
          flow: {field: FT-1, quality: q, good: [192]}
    """
    path = tmp_path / "made.parquet"
    stamps = pa.array([T, T, T + 60, T + 60], pa.timestamp("s"))
    said = {"ts": stamps, "tag": ["PT-1", "FT-1"] * 2, "val": [500.0, 3.0, 600.0, 4.0], "q": [192, 192, 0, 192]}
    pq.write_table(pa.table(said), path)
    here = vendor(tmp_path / "here", {"pressure": "bar", "flow": "l/s"}, source, {"a.parquet": path.read_bytes()})
    assert rows_of(here) == [("plant", T, 5.0, 3.0), ("plant", T + 60, None, 4.0)]


def test_folders_that_are_labels_and_cycles_that_are_time(tmp_path: Path) -> None:
    source = """
        files: "**/*.csv"
        decoder: table
        fields: {state: {of: "{folder}", values: {good: healthy, bad_bearing: bearing fault}}}
        device: "{file}"
        time: {field: cycle, format: counter, start: "2026-01-01T00:00:00Z", period_s: 3600}
        channels: {vibration: v}
        labels: {state: {field: state, values: {healthy: healthy, bearing fault: bearing fault}}}
    """
    files = {"good/run1.csv": "cycle,v\n0,1\n1,2\n2,3\n", "bad_bearing/run2.csv": "cycle,v\n0,7\n1,8\n"}
    here = vendor(tmp_path, {"vibration": "mm/s"}, source, files)
    assert [row[:2] for row in rows_of(here)] == [
        ("run1", T), ("run1", T + 3600), ("run1", T + 7200), ("run2", T), ("run2", T + 3600),
    ]  # fmt: skip
    assert read_labels(here.place, "some")["label"].tolist() == ["healthy", "bearing fault"]


def test_a_label_goes_on_from_file_to_file_where_no_row_is_missing(tmp_path: Path) -> None:
    source = """
        files: "*.csv"
        decoder: table
        device: d
        time: {field: t, format: epoch_s}
        channels: {flow: f}
        labels: {state: {field: s}}
    """
    hours = [(h, "b" if h in (5, 6) else "a") for h in range(10)]
    files = {
        f"{day}.csv": "t,f,s\n" + "".join(f"{T + 3600 * h},1,{s}\n" for h, s in hours[4 * day : 4 * day + 4])
        for day in (0, 1)
    } | {"9.csv": f"t,f,s\n{T + 36 * 3600},1,a\n"}
    here = vendor(tmp_path, {"flow": "l/s"}, source, files)
    labels = read_labels(here.place, "some")
    spans = [(r[4], (r[2].timestamp() - T) / 3600, (r[3].timestamp() - T) / 3600) for r in labels.itertuples()]
    assert spans == [("state=a", 0, 4), ("state=b", 5, 6), ("state=a", 7, 7), ("state=a", 36, 36)]


def test_a_packed_file_cut_short_is_called_that_by_the_preview(tmp_path: Path) -> None:
    source = "{files: '*.csv*', decoder: table, device: d, time: {field: t, format: epoch_s}, channels: {flow: f}}"
    here = vendor(tmp_path, {"flow": "l/s"}, source, {"a.csv": f"t,f\n{T},1\n"})
    whole = here.write("b.csv.gz", "t,f\n" + "".join(f"{T + i},{i}\n" for i in range(500)))
    (here.raw / "a.csv").unlink()
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(DataError, match=r"b\.csv\.gz is a truncated or damaged gzip file"):
        preview_dataset("some", here.spec, here.raw)


def test_two_files_of_one_name_are_two_files(tmp_path: Path) -> None:
    source = (
        "{files: '*/x.csv', decoder: table, device: '{folder}', time: {field: t, format: epoch_s}, channels: {flow: f}}"
    )
    files = {"a/x.csv": f"t,f\n{T},1\n", "b/x.csv": f"t,f\n{T},1\n{T + 1},z\n"}
    here = vendor(tmp_path, {"flow": "l/s"}, source, files)
    assert rows_of(here) == [("a", T, 1.0), ("b", T, 1.0), ("b", T + 1, None)]
    assert [entry.file for entry in read_quarantine(here.place, "some").itertuples()] == ["b/x.csv"]
