"""Each construct of the mapping language, on the smallest files that need it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop_edge.decoders import clock
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import TimeMap
from pipelines.errors import DataError
from pipelines.ingest import moments, read_devices, read_events, read_files, read_labels, read_quarantine, read_rows
from pipelines.ingest.schema import microseconds
from pipelines.ingest.store import write_rows
from pipelines.params import Storage
from tests.builders.raw import Checkout, cells, dataset, table, table_source

T = 1_700_000_000
FLOW = {"flow": "flow"}
ROWS = {"field": "row", "format": "counter", "start": "2023-11-14T22:13:19Z", "period_s": 1}  # record 1: T


def ingested(root: Path, files: dict[str, str | bytes], *sources: dict[str, Any], **changes: Any) -> Checkout:
    here = Checkout(root, dataset(*sources, **changes))
    for name, text in files.items():
        here.write(name, text)
    here.report = here.ingest()  # type: ignore[attr-defined]
    return here


def rows(here: Checkout) -> list[tuple[Any, ...]]:
    return cells(read_rows(here.place, "some"))


def labels(here: Checkout) -> list[tuple[Any, ...]]:
    found = read_labels(here.place, "some")
    return [(r[1], int(r[2].timestamp()) - T, int(r[3].timestamp()) - T, r.label, r.by) for r in found.itertuples()]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"delimiter": "\t"}, f"device\tt\tflow\np\t{T}\t1.5\n"),
        ({"delimiter": ";", "decimal": ",", "thousands": "."}, f"device;t;flow\r\np;{T};1,5\r\n"),
        ({"skip": 2, "comment": "#"}, f"Exported by X\n1;2;3\n# device,t,flow\n# more\np,{T},1.5\n"),
        ({"comment": "//"}, f"// a note\ndevice,t,flow\n// another\np,{T},1.5\n"),
        ({"header": 2, "columns": ["device", "t", "flow"]}, f"unit,time,flow\n-,s,l/s\np,{T},1.5\n"),
        ({"after_header": 1, "footer": 1}, f"device,t,flow\n-,s,l/s\np,{T},1.5\n3 rows exported\n"),
        ({"header": False, "columns": ["device", "t", "flow"], "delimiter": "whitespace"}, f"  p   {T}\t1.5  \n"),
        ({"widths": [3, 10, 6], "header": False, "columns": ["device", "t", "flow"]}, f"p  {T}   1.5\n"),
        ({"quote": "'"}, f"device,t,flow\n'p',{T},'1.5'\n"),
        ({"quote": ""}, f'device,t,flow,note\np,{T},1.5,"\n'),
        ({"encoding": "utf-16"}, f"device,t,flow\np,{T},1.5\n".encode("utf-16")),
        ({}, f"device,t,flow\rp,{T},1.5\r"),
    ],
)
def test_dialects(tmp_path: Path, form: dict[str, Any], text: str | bytes) -> None:
    here = ingested(tmp_path, {"a.csv": text}, table_source(table=form, channels=FLOW))
    assert rows(here) == [("p", T, None, 1.5)] and here.report["quarantined"] == 0  # type: ignore[attr-defined]


def test_thousands_are_read_only_where_they_are_whole(tmp_path: Path) -> None:
    text = f'device,t,flow\np,{T},"1,234.5"\np,{T + 1},"1,23"\np,{T + 2},12345\n'
    source = table_source(table={"thousands": ","}, channels=FLOW)
    here = ingested(tmp_path, {"a.csv": text}, source, channels={"flow": {"unit": "l/s", "min": 0, "max": 1e6}})
    assert [row[2] for row in rows(here)] == [1234.5, None, 12345]


def test_packed_files_and_their_names_and_folders(tmp_path: Path) -> None:
    zipped = pa.compress(table([(T, 1)], "t,flow").encode(), "zstd", asbytes=True)
    text = {"north/p.7.csv.zst": zipped, "south/p.1.csv.gz": table([(T, 2)], "t,flow"), "q": table([(T, 3)], "t,flow")}
    source = table_source(files="**/*", device="{file}", site="{folder}", channels=FLOW)
    here = ingested(tmp_path, text, source)
    sites = read_devices(here.place, "some").set_index("device")["site"].to_dict()
    assert (sites["p.7"], sites["p.1"]) == ("north", "south") and pd.isna(sites["q"])


def test_the_file_s_name_may_be_the_time_and_rows_follow_each_other(tmp_path: Path) -> None:
    time = {"field": "{file}", "format": "%Y.%m.%d.%H.%M.%S", "row_s": 0.5}
    source = table_source(files="2*", device="bearing", time=time, channels=FLOW)
    here = ingested(tmp_path, {"2023.11.14.22.13.20": "flow\n1\n2\n3\n"}, source)
    assert [row[1] - T for row in rows(here)] == [0, 0.5, 1]


def test_columns_may_be_devices(tmp_path: Path) -> None:
    spread = {"columns": ["MT_*"], "field": "load"}
    source = table_source(spread=spread, device="{column}", channels={"flow": {"field": "load"}})
    here = ingested(tmp_path, {"a.csv": f"t,MT_1,note,MT_2\n{T},1,x,2\n{T + 60},3,y,\n"}, source)
    assert rows(here) == [("MT_1", T, None, 1), ("MT_1", T + 60, None, 3), ("MT_2", T, None, 2),
                          ("MT_2", T + 60, None, None)]  # fmt: skip
    assert here.report["records"] == 2  # type: ignore[attr-defined]


def test_columns_may_be_times(tmp_path: Path) -> None:
    time = {"field": "day", "format": "%d/%m/%Y", "column_s": 3600}
    source = table_source(spread={"columns": ["h{0..2}"]}, time=time, channels={"flow": "cell"})
    here = ingested(tmp_path, {"a.csv": "device,day,h0,h1,h2\np,14/11/2023,1,2,3\n"}, source)
    assert [(row[1] % 86400, row[3]) for row in rows(here)] == [(0, 1), (3600, 2), (7200, 3)]


def test_one_channel_a_record_is_merged_and_said_twice_is_judged(tmp_path: Path) -> None:
    long = {"name": "tag", "value": "v"}
    source = table_source(long=long, channels={"pressure": {"field": "PT", "unit": "Pa"}, "flow": "FT"})
    said = [("p", T, "PT", 1e5), ("p", T, "FT", 2), ("p", T, "FT", 2), ("p", T, "FT", 3), ("q", T, "FT", "x"),
            ("q", T, "??", 1)]  # fmt: skip
    here = ingested(tmp_path, {"a.csv": table(said, "device,t,tag,v")}, source)
    assert rows(here) == [("p", T, 1, 2), ("q", T, None, None)]
    counts = [here.report[name] for name in ("records", "accepted", "duplicates", "quarantined")]  # type: ignore[attr-defined]
    assert counts == [6, 3, 1, 2]
    aside = read_quarantine(here.place, "some")
    assert aside[["record", "rule"]].to_numpy().tolist() == [
        [5, "conflict"],
        [6, "not_a_number"],
        [7, "unknown_channel"],
    ]


def test_files_stand_beside_each_other_row_by_row(tmp_path: Path) -> None:
    join = {"who": {"files": "who.txt", "table": {"header": False, "columns": ["device"]}}}
    source = table_source(files="x.txt", table={"header": False}, join=join, device="{who.device}", time=ROWS,
                          channels={"pressure": {"field": "1", "unit": "bar"}, "flow": "2"})  # fmt: skip
    here = ingested(tmp_path, {"x.txt": "1,2\n3,4\nbad\n5,6\n", "who.txt": "p\nq\nr\n"}, source)
    assert rows(here) == [("p", T, 1, 2), ("q", T + 1, 3, 4)]
    files = read_files(here.place, "some").set_index("file")[["records", "accepted", "quarantined"]]
    assert files.loc["x.txt"].tolist() == [4, 2, 2] and files.loc["who.txt"].tolist() == [3, 2, 1]


def test_files_stand_beside_each_other_by_key(tmp_path: Path) -> None:
    join = {"unit": {"files": "units/*.csv", "key": {"device": "id"}}}
    source = table_source(join=join, site="{unit.plant}", channels=FLOW)
    units = {"units/a.csv": "id,plant\np,north\nr,gone\n", "units/b.csv": "id,plant\nq,south\np,twice\n"}
    here = ingested(
        tmp_path, {"a.csv": table([("p", T, 1), ("q", T, 2), ("x", T, 3)], "device,t,flow"), **units}, source
    )
    sites = read_devices(here.place, "some").set_index("device")["site"]
    assert sites[["p", "q"]].tolist() == ["north", "south"] and pd.isna(sites["x"])
    assert read_quarantine(here.place, "some")["rule"].tolist() == ["no_partner"] * 2


def test_a_record_that_is_set_aside_takes_those_beside_it_along(tmp_path: Path) -> None:
    join = {"y": {"files": "y.txt", "table": {"header": False, "columns": ["flow"]}}}
    source = table_source(join=join, channels={"flow": "y.flow"})
    here = ingested(tmp_path, {"a.csv": f"device,t\np,{T}\n,{T}\n", "y.txt": "1\n2\n"}, source)
    assert rows(here) == [("p", T, None, 1)]
    assert read_quarantine(here.place, "some")["reason"][1] == "the record beside it is set aside"


def test_labels_stand_in_rows_and_unknown_ones_are_set_aside(tmp_path: Path) -> None:
    marks = {"state": {"field": "s", "values": {0: "normal", 1: "anomaly", "?": None}}}
    said = [("p", T + i, 1, s) for i, s in enumerate(["0", "0.0", "1", "?", "1", "x"])]
    here = ingested(tmp_path, {"a.csv": table(said, "device,t,flow,s")}, table_source(labels=marks, channels=FLOW))
    assert labels(here) == [("p", 0, 1, "normal", "source0"), ("p", 2, 2, "anomaly", "source0"),
                            ("p", 4, 4, "anomaly", "source0")]  # fmt: skip
    assert read_quarantine(here.place, "some")["rule"].tolist() == ["unknown_label"]


def test_label_files_give_intervals_and_who_said_so(tmp_path: Path) -> None:
    log = {"files": "log.txt", "kind": "labels", "decoder": "table", "device": "{device}", "label": "{rating} {code}",
           "time": {"field": "a", "format": "epoch_s"}, "until": {"field": "b", "format": "epoch_s"}, "by": "{who}",
           "delay_s": 60, "fields": {"rating": {"of": "{r}", "values": {1: "anomaly", 2: "neutral"}}}}  # fmt: skip
    text = f"device,a,b,r,code,who\np,{T},{T + 60},1,F3,ann\np,{T + 60},{T},2,F1,ann\np,{T},{T},9,F1,ann\n"
    here = ingested(tmp_path, {"a.csv": table([("p", T, 1)], "device,t,flow"), "log.txt": text},
                    table_source(channels=FLOW), log)  # fmt: skip
    assert labels(here) == [("p", 0, 60, "anomaly F3", "ann")]
    assert read_labels(here.place, "some")["received"][0].timestamp() == T + 120
    assert read_quarantine(here.place, "some")["rule"].tolist() == ["bad_time", "no_label"]


def test_a_column_tells_of_events_where_it_begins_to_say_so(tmp_path: Path) -> None:
    said = [("p", T + i, 1, s) for i, s in enumerate(["NORMAL", "BROKEN", "BROKEN", "NORMAL", "BROKEN"])]
    events = {"failure": {"field": "s", "when": ["BROKEN"]}}
    here = ingested(tmp_path, {"a.csv": table(said, "device,t,flow,s")}, table_source(events=events, channels=FLOW))
    found = [(e.kind, int(e.time.timestamp()) - T) for e in read_events(here.place, "some").itertuples()]
    assert found == [("failure", 1), ("failure", 4)]


def test_the_vendor_s_verdict_words_for_numbers_and_codes_of_one_channel(tmp_path: Path) -> None:
    channels = {"pressure": {"field": "P", "quality": "Q", "good": [0, "ok"]},
                "flow": {"field": "F", "codes": {"off": 0}, "missing": [77]}}  # fmt: skip
    said = [("p", T, 1, "0.0", "off"), ("p", T + 1, 2, "ok", 77), ("p", T + 2, 77, "bad", 3), ("p", T + 3, 3, "", "on")]
    here = ingested(tmp_path, {"a.csv": table(said, "device,t,P,Q,F")}, table_source(channels=channels))
    assert [row[2:] for row in rows(here)] == [(1, 0), (2, None), (None, 3), (None, None)]
    assert sorted(read_quarantine(here.place, "some")["rule"]) == ["bad_quality", "bad_quality", "not_a_number"]


def test_a_local_hour_that_comes_twice_is_told_apart_by_the_file_s_order(tmp_path: Path) -> None:
    clocks = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]  # 25 October 2026, Berlin
    said = [("p", f"2026-10-25 {c}", i) for i, c in enumerate(clocks)] + [("q", "2026-10-25 02:30", 9)]
    for rule, steps in (("order", [30, 30, 30, 30, 30]), ("first", [30, 30, 90]), ("second", [90, 30, 30])):
        time = {"field": "t", "format": "%Y-%m-%d %H:%M", "zone": "Europe/Berlin", "ambiguous": rule}
        source = table_source(time=time, channels=FLOW)
        here = ingested(tmp_path / rule, {"a.csv": table(said, "device,t,flow")}, source)
        p = [row[1] for row in rows(here) if row[0] == "p"]
        assert [step / 60 for step in np.diff(p).tolist()] == steps
        q = [row[1] for row in rows(here) if row[0] == "q"]
        assert q[0] == p[0] + 3600 * (2 if rule == "second" else 1)


def test_parquet_keeps_its_types_and_a_field_log_needs_no_mapping(tmp_path: Path) -> None:
    stamps = pd.to_datetime([T, T + 60, None], unit="s", utc=True)
    frame = pd.DataFrame({"id": [7, 7, 8], "at": stamps, "f": [1.5, None, 3.0], "p": ["1e5", "-9999", "x"]})
    here = Checkout(tmp_path, dataset(
        table_source(files="*.parquet", decoder="parquet", device="u{id}", time={"field": "at"},
                     channels={"flow": "f", "pressure": {"field": "p", "unit": "Pa"}}),
        {"files": "log/rows/**/*.parquet", "decoder": "field_log"},
    ))  # fmt: skip
    here.raw.mkdir(parents=True)
    pq.write_table(pa.Table.from_pandas(frame), here.raw / "a.parquet")
    uplinked = pd.DataFrame({"device": ["z"], "time": stamps[:1], "received": stamps[1:2]})
    logged = uplinked.assign(pressure=np.float32(2), flow=np.float32(3))
    write_rows(here.raw / "log" / "rows", logged, ("pressure", "flow"), Storage())
    here.ingest()
    assert rows(here) == [("u7", T, 1, 1.5), ("u7", T + 60, None, None), ("z", T, 2, 3)]
    (aside,) = read_quarantine(here.place, "some").itertuples()
    assert aside.rule == "no_time" and b'"p": "x"' in aside.raw and aside.record == 3


def test_an_envelope_is_opened_and_its_fields_stand_beside_the_payload(tmp_path: Path) -> None:
    source = table_source(
        files="*.jsonl", decoder="json", envelope={"payload": "p", "encoding": "hex"}, device="{topic}"
    )
    good = b'{"t":1700000000,"flow":1}'.hex()
    lines = [f'{{"topic":"a","p":"{good}"}}', '{"topic":"a","p":"xy"}', '{"topic":"a"}', "7"]
    here = ingested(tmp_path, {"a.jsonl": "\n".join(lines)}, source)
    assert rows(here) == [("a", T, None, 1)]
    assert read_quarantine(here.place, "some")["rule"].tolist() == ["no_payload", "no_payload", "not_an_object"]


def test_two_forms_of_one_file_are_refused(tmp_path: Path) -> None:
    text = table([("p", T, 1, 1)])
    with pytest.raises(DataError, match=r"a.csv and .*a.csv.gz both stand for the same data"):
        ingested(tmp_path, {"a.csv": text, "a.csv.gz": text}, table_source(files="*"))


PATTERNS = [
    "iso",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%Y%m%d%H%M%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%d-%b-%Y",
    "%d/%m/%y",
]
MOMENTS = st.datetimes(min_value=pd.Timestamp("1969-12-30"), max_value=pd.Timestamp("2030-01-01"))
TEXTS = st.one_of(
    st.tuples(MOMENTS, st.sampled_from(PATTERNS)).map(
        lambda pair: pair[0].isoformat() if pair[1] == "iso" else pair[0].strftime(pair[1])
    ),
    MOMENTS.map(lambda m: m.isoformat(" ", "seconds") + "Z"),
    st.sampled_from(["", " ", "2026-02-30", "2026-10-25 02:30:00", "2026-03-29T02:30", "2026-1-1 0:00", "24:00",
                     "2026-01-01Z", "2026-06-30 23:59:60", "2026-01-01T10:00+02:00", "x" * 40, "١٢.٠١.٢٠٢٦ 10:00:00"]),
    st.text(max_size=20),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=8),
    pattern=st.sampled_from(PATTERNS),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]),
    ambiguous=st.sampled_from(["first", "second"]),
)
def test_times_read_at_array_speed_are_those_of_the_device(
    texts: list[str], pattern: str, zone: str, ambiguous: Any
) -> None:
    spec = TimeMap("t", pattern, zone=zone, ambiguous=ambiguous)
    found, done = moments.from_text(pa.array([t.encode("utf-8", "replace").decode() for t in texts]), spec)
    for text, micros in zip(np.array(texts, dtype=object)[done], found[done], strict=True):
        assert microseconds([clock.read(text, spec, "time")])[0] == micros
    for text in np.array(texts, dtype=object)[~done]:
        try:
            clock.read(text, spec, "time")
        except DecodeError:
            continue
