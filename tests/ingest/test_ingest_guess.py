"""A mapping is guessed from a sample, and tried without a run."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
import yaml

from flows.new_dataset import guess_new
from pipelines.errors import DataError, ParamsError
from pipelines.ingest import guess_dataset, preview_dataset
from pipelines.params import DatasetSpec, load_params
from tests.builders.payloads import T, azure_message, senml, sitewise_update
from tests.builders.raw import dataset, table, table_source

ROOT = Path(__file__).parents[2]


def write(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def guessed(folder: Path) -> DatasetSpec:
    return DatasetSpec.model_validate(yaml.safe_load(guess_dataset("new", folder))["new"])


def only(spec: DatasetSpec) -> tuple[object, ...]:
    (source,) = spec.sources.values()
    return source.device, source.time.field, source.time.format  # type: ignore[union-attr]


def rows_of(spec: DatasetSpec, folder: Path) -> int:
    return sum(view.rows for view in preview_dataset("new", spec, folder))


def test_a_german_table_with_comments_units_and_codes(tmp_path: Path) -> None:
    lines = [
        f"{d:02d}.03.2026 {h:02d}:00:00;P{d % 2};{d},5;{-200 if h == 3 else h};x"
        for d in range(1, 29)
        for h in range(24)
    ]
    text = "# exported\nDatum;Pumpe_id;Druck [bar];Strom;Notiz\n" + "\n".join(lines)
    spec = guessed(write(tmp_path / "d", a_dot_csv=text))
    (source,) = spec.sources.values()
    assert (source.table.delimiter, source.table.decimal, source.table.comment) == (";", ",", "#")
    assert only(spec) == ("{Pumpe_id}", "Datum", "%d.%m.%Y %H:%M:%S")
    assert source.channels["druck"].unit == "bar" and source.missing == ("-200",) and spec.period_s == 3600
    assert (spec.channels["druck"].min, spec.channels["druck"].max) == (0, 50) and "notiz" not in spec.channels
    assert rows_of(spec, tmp_path / "d") == 28 * 24


def test_one_file_a_device_in_folders_with_labels(tmp_path: Path) -> None:
    text = "timestamp,flow,anomaly,state\n" + "".join(
        f"{T + i},{i % 7}.5,{i % 2},{'OK' if i else 'BAD'}\n" for i in range(50)
    )
    zipped = gzip.compress(text.encode())
    folder = write(tmp_path / "d", north__1_dot_csv=text, south__1_dot_csv=text, south__2_dot_csv=text)
    spec = guessed(folder)
    (source,) = spec.sources.values()
    assert only(spec) == ("{folder}-{file}", "timestamp", "epoch_s")
    assert source.labels["anomaly"].values == {"0": "normal", "1": "anomaly"}
    assert source.labels["state"].values == {"BAD": "bad", "OK": "ok"} and source.files == "**/*.csv"
    assert zipped and rows_of(spec, folder) == 50


def test_tables_without_header_without_times_and_with_names_of_rows(tmp_path: Path) -> None:
    turbofan = "\n".join(f"{unit} {cycle} 0.{cycle} 5.{unit}" for unit in (1, 2) for cycle in range(1, 30))
    spec = guessed(write(tmp_path / "a", train_dot_txt=turbofan))
    assert only(spec)[:2] == ("{1}", "row") and rows_of(spec, tmp_path / "a") == 58
    r = '"date","x"\n' + "\n".join(f'"{i}","2015-02-02 14:{i:02d}:00",{i}.5' for i in range(10, 60))
    spec = guessed(write(tmp_path / "b", r_dot_csv=r))
    assert only(spec)[1:] == ("date", "iso") and list(spec.channels) == ["x"] and spec.period_s == 60


def test_date_and_time_apart_and_one_channel_a_record(tmp_path: Path) -> None:
    apart = "Date,Time,Flow\n" + "\n".join(f"{d}/11/2023,{h}:30,{h}.5" for d in range(10, 30) for h in range(24))
    spec = guessed(write(tmp_path / "a", a_dot_csv=apart))
    assert only(spec)[1:] == ("{Date} {Time}", "%d/%m/%Y %H:%M") and rows_of(spec, tmp_path / "a") == 480
    long = "device_id,ts,tag,value\n" + "\n".join(f"p{i % 3},{T + i // 6},{'PF'[i % 2]}T,{i}.5" for i in range(60))
    spec = guessed(write(tmp_path / "b", a_dot_csv=long))
    (source,) = spec.sources.values()
    assert source.long is not None and (source.long.name, source.long.value) == ("tag", "value")
    assert set(spec.channels) == {"ft", "pt"} and rows_of(spec, tmp_path / "b") == 30


@pytest.mark.parametrize(
    ("payload", "decoder", "device"),
    [
        ({"unit_id": "p1", "ts": T * 1000, "data": {"flow": 1.5}, "rx": T * 1000}, "json", "{unit_id}"),
        (senml(), "senml", "{device}"),
        (azure_message(), "azure_iot", "{deviceId}"),
        (sitewise_update(), "aws_sitewise", "{assetId}"),
    ],
)
def test_payloads(tmp_path: Path, payload: object, decoder: str, device: str) -> None:
    folder = write(tmp_path / "d", a_dot_jsonl=json.dumps(payload) + "\n" + json.dumps(payload) + "\n")
    spec = guessed(folder)
    (source,) = spec.sources.values()
    assert (source.decoder, source.device) == (decoder, device)
    assert rows_of(spec, folder) == 2


def test_a_new_dataset_is_written_beside_the_others_and_a_misspelt_one_is_not(tmp_path: Path) -> None:
    before = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(before)
    folder = write(tmp_path / "d", a_dot_csv=table([("p", T, 1.5, 2), ("p", T + 60, 2.5, 3), ("q", T, 1, 4)]))
    assert guess_new(tmp_path, "tanks", folder, alike=False) and not guess_new(tmp_path, "tanks", folder, alike=False)
    after = (tmp_path / "params.yaml").read_text()
    start = after.index("\n  tanks: # guessed")
    block = "\n" + re.split(r"\n(?=\S)", after[start + 1 :], maxsplit=1)[0]
    assert after.replace(block, "", 1) == before and "# unit?" in block
    assert list(load_params(tmp_path).dataset("tanks").channels) == ["pressure", "flow"]
    with pytest.raises(ParamsError, match="did you mean 'pumps'"):
        guess_new(tmp_path, "pump", folder, alike=False)
    with pytest.raises(ParamsError, match="'9x' is no name"):
        guess_new(tmp_path, "9x", folder, alike=False)


def test_what_cannot_be_guessed_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no raw file"):
        guess_dataset("new", write(tmp_path / "a"))
    with pytest.raises(DataError, match="its format cannot be recognised"):
        guess_dataset("new", write(tmp_path / "b", a_dot_bin=b"\x01\x00\x00\x07" * 9))
    with pytest.raises(DataError, match="no column of numbers was found"):
        guess_dataset("new", write(tmp_path / "c", a_dot_csv="name,word\nx,y\nz,w\n"))


def test_a_truncated_parquet_file_is_named_when_it_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cut\.parquet is no Parquet file that can be read .*fetch it again"):
        guess_dataset("new", write(tmp_path / "cut", cut_dot_parquet=b"PAR1" + bytes(200)))


def test_a_preview_shows_rows_rate_gaps_and_where_to_edit(tmp_path: Path) -> None:
    said = [("p", T + 60 * i, 100000 * (1 + i % 2), i) for i in [*range(20), 25]] + [
        ("p", T, "x", 1),
        ("p", "never", 1, 1),
    ]
    folder = write(tmp_path / "d", a_dot_csv=table([*said, ("p", T + 9999, 1e5, 99)]))
    (view,) = preview_dataset("some", dataset(table_source()), folder)
    assert (view.records, view.rows, view.aside, view.devices) == (24, 23, 1, 1)
    pressure, flow = view.channels
    assert (pressure.low, pressure.high, pressure.unit, flow.aside) == (1.0, 2.0, "bar", 1)
    assert view.steps is not None and view.steps[0] == 60 and view.gaps == 2
    assert view.first[0] == ["p", "2023-11-14 22:13:20", "1", "0"]
    assert view.troubles == [
        "a.csv row 24: time 'never' is not of format 'epoch_s'; see datasets.some.sources.source0.time",
        "a.csv row 23, pressure: 'x' is not a number; see datasets.some.sources.source0.missing",
        "a.csv row 25, flow: 99 is outside 0..80 l/s; see datasets.some.channels.flow",
        "1 rows are earlier than the row before of their device: late, or begun again",
    ]


def test_a_preview_names_the_key_of_a_mapping_that_cannot_be(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", a_dot_csv=table([("p", T, 1, 1)]))
    with pytest.raises(DataError, match=r"no column 'psi'.*params.yaml: datasets.some.sources.source0"):
        preview_dataset("some", dataset(table_source(channels={"pressure": "psi"})), folder)
    with pytest.raises(ParamsError, match=r"params.yaml: datasets.some.sources.source0.time.zone"):
        preview_dataset("some", dataset(table_source(time={"field": "t", "zone": "Nowhere"})), folder)
