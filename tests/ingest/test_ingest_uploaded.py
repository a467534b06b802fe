"""Rows keep when the cloud got them, whatever format says so; what does not say so is null."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.ingest import read_quarantine, read_rows
from tests.builders.raw import Checkout, dataset, table, table_source

T = 1_700_000_000
UPLOADED = {"field": "up", "format": "epoch_s"}


def uploads(here: Checkout) -> list[float | None]:
    here.ingest()
    rows = read_rows(here.place, "some")
    return [None if moment != moment else moment.timestamp() for moment in rows["uploaded"]]


def test_a_table_keeps_it_and_an_empty_cell_says_nothing(tmp_path: Path) -> None:
    here = Checkout(tmp_path, dataset(table_source(uploaded=UPLOADED)))
    here.write("a.csv", table([("p", T, 1e5, 1, T + 9), ("p", T + 60, 1e5, 1, "")], "device,t,pressure,flow,up"))
    here.write("b.csv", table([("p", T + 90, 1e5, 1, "soon")], "device,t,pressure,flow,up"))
    assert uploads(here) == [T + 9, None]
    assert [entry.rule for entry in read_quarantine(here.place, "some").itertuples()] == ["bad_uploaded"]


def test_a_later_file_leaves_what_was_said_before(tmp_path: Path) -> None:
    here = Checkout(tmp_path, dataset(table_source(uploaded=UPLOADED), table_source(files="*.plain")))
    here.write("a.csv", table([("p", T, 1e5, 1, T + 9)], "device,t,pressure,flow,up"))
    here.write("a.plain", table([("p", T + 30, 1e5, 1)]))
    assert uploads(here) == [T + 9, None]
    here.write("b.plain", table([("p", T + 60, 1e5, 1)]))
    assert uploads(here) == [T + 9, None, None]


@pytest.mark.parametrize("nested", [False, True])
def test_json_and_what_is_around_a_payload_say_it_too(tmp_path: Path, nested: bool) -> None:
    inner = {"device": "p", "t": T, "flow": 1} | ({} if nested else {"up": T + 5})
    line = {"payload": json.dumps(inner), "up": T + 5} if nested else inner
    more = {"envelope": {"payload": "payload", "encoding": "text"}} if nested else {}
    source = table_source(files="*.jsonl", decoder="json", uploaded=UPLOADED, **more)
    here = Checkout(tmp_path, dataset(source))
    here.write("a.jsonl", json.dumps(line) + "\n")
    assert uploads(here) == [T + 5]


def test_records_of_one_row_were_uploaded_when_the_last_of_them_was(tmp_path: Path) -> None:
    tags = {"pressure": {"field": "P", "unit": "Pa"}, "flow": "F"}
    here = Checkout(
        tmp_path, dataset(table_source(uploaded=UPLOADED, long={"name": "tag", "value": "v"}, channels=tags))
    )
    here.write("a.csv", f"device,t,tag,v,up\np,{T},P,1e5,{T + 1}\np,{T},F,1,{T + 7}\n")
    assert uploads(here) == [T + 7]


def test_where_nobody_says_it_there_is_no_such_column(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    here.write("a.csv", table([("p", T, 1e5, 1)]))
    here.ingest()
    (file,) = here.tables.glob("rows/**/*.parquet")
    assert pq.read_schema(file).names == ["device", "time", "received", "pressure", "flow"]
