"""Raw text to rows: dialects, times, bad cells, bad lines, and the equality of the columnar form with the device's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop_edge.check import check
from fleetloop_edge.decoders.record import read_record
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import TimeMap
from fleetloop_edge.rows import build_rows
from pipelines.errors import DataError, ParamsError
from pipelines.ingest import read_quarantine, read_rows
from pipelines.ingest.columns import decode_columns
from pipelines.ingest.needs import Needs
from pipelines.ingest.schema import microseconds
from pipelines.ingest.text_table import read_table
from pipelines.params import TableFormat
from tests.builders.raw import CHANNELS, Checkout, cells, dataset, source_map, table, table_source

T = 1_700_000_000


def test_values_become_canonical_and_rows_are_sorted(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    here.write("a.csv", table([("p2", T, 640000, 1.5), ("p1", T + 60, "", "n/a"), ("p1", T, -9999, 2)]))
    report = here.ingest()
    assert cells(read_rows(here.place, "some")) == [("p1", T, None, 2), ("p1", T + 60, None, None), ("p2", T, 6.4, 1.5)]
    assert (report["records"], report["accepted"], report["cells_quarantined"]) == (3, 3, 0)


def test_decimal_commas_and_local_times_are_understood(tmp_path: Path) -> None:
    zoned = {"field": "t", "format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}
    here = Checkout(tmp_path, dataset(table_source(table={"delimiter": ";", "decimal": ","}, time=zoned)))
    here.write("a.csv", "device;t;pressure;flow\np;29.03.2026 01:30;6,4e5;1,5\np;29.03.2026 03:30;1.000;2\n")
    report = here.ingest()
    first, second = cells(read_rows(here.place, "some"))
    assert second[1] - first[1] == 3600  # the clocks went forward between them
    assert (first[2:], second[2:], report["cells_quarantined"]) == ((6.4, 1.5), (None, 2.0), 1)


def test_a_table_without_header_quotes_and_runs_of_blanks(tmp_path: Path) -> None:
    form = {"delimiter": "whitespace", "header": False, "columns": ["device", "t", "pressure", "flow"]}
    here = Checkout(tmp_path, dataset(table_source(table=form), table_source(files="*.txt", device="x{row}-{file}")))
    here.write("a.csv.gz", f"p  {T}\t100000 1  \n\n")
    here.spec = dataset(table_source(table=form, files="*.gz"), table_source(files="*.txt", device="x{row}-{file}"))
    here.write("b.txt", f'device,t,pressure,flow\r\n"a,b",{T},"100000",3\r\n')
    here.ingest()
    assert cells(read_rows(here.place, "some")) == [("p", T, 1.0, 1.0), ("x1-b", T, 1.0, 3.0)]


def test_quoted_cells_may_span_lines_where_the_table_says_so(tmp_path: Path) -> None:
    text = f'device,t,note,pressure,flow\np,{T},"seal ""A""\n\nleaks, a little\n",1e5,1\n'
    text += f'q,{T},"fine",1e5,\np,{T + 60},,1e5,"2"\n'
    here = Checkout(tmp_path, dataset(table_source(table={"multiline": True})))
    here.write("a.csv", text)
    report = here.ingest()
    assert report["records"] == report["accepted"] == 3
    rows = read_rows(here.place, "some")
    assert rows["device"].tolist() == ["p", "p", "q"] and rows["flow"].tolist()[:2] == [1.0, 2.0]


def test_a_quote_that_is_never_closed_is_set_aside_with_what_it_swallowed(tmp_path: Path) -> None:
    here = Checkout(tmp_path, dataset(table_source(table={"multiline": True})))
    here.write("a.csv", f'device,t,pressure,flow\np,{T},1e5,1\nq,{T},1e5,"1\nq,{T + 60},1e5,1\n')
    report = here.ingest()
    assert (report["records"], report["accepted"], report["cells_quarantined"]) == (2, 2, 1)
    (raw,) = read_quarantine(here.place, "some")["raw"]
    assert raw.endswith(f"q,{T + 60},1e5,1".encode())


def test_a_bad_cell_is_set_aside_and_its_record_accepted(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    here.write("a.csv", table([("p", T, "abc", 99), ("p", T + 1, 1e5, 1)]))
    report = here.ingest()
    aside = read_quarantine(here.place, "some")
    assert aside[["file", "record", "channel", "rule"]].to_numpy().tolist() == [
        ["a.csv", 2, "flow", "out_of_range"],
        ["a.csv", 2, "pressure", "not_a_number"],
    ]
    assert (report["accepted"], report["cells_quarantined"], aside["raw"][0]) == (2, 2, f"p,{T},abc,99".encode())


def test_a_bad_line_is_set_aside_with_its_bytes(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    good = table([("p", T, 1e5, 1)]).encode()
    here.write("a.csv", good + b"p,1\n,5,1,1\np,never,1,1\np\xff,5,1,1\n")
    report = here.ingest()
    aside = read_quarantine(here.place, "some")
    assert aside["rule"].tolist() == ["column_count", "no_device", "bad_time", "encoding"]
    assert aside["raw"].tolist()[3] == b"p\xff,5,1,1" and aside["reason"][0] == "got 2 columns, expected 4"
    assert (report["records"], report["accepted"], report["quarantined"]) == (5, 1, 4)


def test_the_wrong_number_of_columns_in_every_line_names_row_and_counts(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    here.write("a.csv", "device,t,pressure,flow\np,1,2\nq,1,2\n")
    with pytest.raises(DataError, match=r"a.csv: row 2: got 3 columns, expected 4; so is every other row"):
        here.ingest()


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    here.write("a.csv", "device,t,pressure\np,1,2\n")
    with pytest.raises(DataError, match="there is no column 'flow'; the columns are device, t, pressure"):
        here.ingest()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (table_source(decoder="xml"), "sources.source0.decoder: 'xml' is no decoder"),
        (table_source(table={"delimiter": ";;"}), "table.delimiter: ';;' must be one character"),
        (table_source(table={"thousands": "."}), "table.thousands: '.' is the decimal mark too"),
        (table_source(spread={}, decoder="json"), "spread: only tables have it"),
        (table_source(fields={"x": {"of": "{t}", "match": "("}}), "fields.x.match: '\\(' is no regular expression"),
        (table_source(table={"encoding": "utf-99"}), "'utf-99' is no encoding"),
        (table_source(time={"field": "t", "format": "often"}), "sources.source0.time.format: 'often'"),
        (table_source(time={"field": "t", "zone": "Mars/Olympus"}), "time.zone: 'Mars/Olympus' is no IANA zone"),
        (table_source(time={"field": "t", "format": "counter"}), "a counter needs start"),
        (table_source(channels={"flow": {"field": "flow", "unit": "furlong"}}), "flow.unit: 'furlong' cannot become"),
        (table_source(channels={"flow": {"field": "flow", "unit": "m/("}}), "flow.unit: 'm/\\(' cannot become"),
        (table_source(channels={c: {"field": "x"} for c in CHANNELS}), "'x' already feeds another channel"),
    ],
)
def test_a_mapping_that_cannot_be_names_its_key(tmp_path: Path, source: dict[str, object], said: str) -> None:
    here = Checkout(tmp_path, dataset(source))
    here.write("a.csv", table([("p", T, 1, 1)]))
    with pytest.raises(ParamsError, match=said):
        here.ingest()


CELL = st.one_of(
    st.sampled_from(["", " ", "-9999", "-9999.0", "n/a", "nan", "NULL", "1_0", "+5", ".5", "5.", "1e400", "inf", "٣"]),
    st.integers(-20, 2_000_000).map(str),
    st.floats(-5, 2e6).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters='\n\r,"'), max_size=4),
)
DEVICE = st.sampled_from(["p", "q", " p", ""])
TIME = st.sampled_from(["1700000000", "1.7e9", "0", "-1", "x", "", "1e12", "nan"])


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(DEVICE, TIME, TIME, CELL, CELL), min_size=1, max_size=6))
def test_the_columnar_form_equals_the_devices_record_by_record(rows: list[tuple[str, ...]]) -> None:
    source = source_map("table", received=TimeMap("rx", "epoch_s"), delay_s=7.0, site="at-{device}")
    names = ("device", "t", "rx", "pressure", "flow")
    text = "\n".join([",".join(names), *(",".join(row) for row in rows)])
    spec = TableFormat()
    numbers = frozenset({"pressure", "flow"})
    wanted = Needs(frozenset(names), numbers, (), numbers, source.missing)
    table_read = read_table(text.encode(), "f", spec, wanted)
    assert not table_read.quarantined
    lines = table_read.record.tolist()
    batch = decode_columns(table_read, "f", {"file": "f"}, source, CHANNELS)
    found, aside = [], []
    for line, row in zip(lines, rows, strict=True):
        try:
            readings, rejected = check(read_record(dict(zip(names, row, strict=True)), source), source, CHANNELS)
        except DecodeError as error:
            aside.append((line, None, error.rule, error.reason))
            continue
        aside += [(line, r.channel, r.rule, r.reason) for r in rejected]
        (one,) = build_rows(readings, tuple(CHANNELS))
        received = one.received if one.received == one.received else one.time + 7.0
        found.append((one.device, one.time, received, readings[0].site, *one.values))
    said = batch.rows
    who = [said.device.words[code] for code in said.device.codes]
    where = [said.about["site"].words[code] for code in said.about["site"].codes]
    keys = zip(who, said.time, said.received, where, strict=True)
    assert list(keys) == [(f[0], microseconds(f[1]), microseconds(f[2]), f[3]) for f in found]
    values = np.stack([said.values[name] for name in CHANNELS], axis=1)
    np.testing.assert_array_equal(values, np.array([f[4:] for f in found], np.float32).reshape(-1, 2))
    assert sorted((q.record, q.channel, q.rule, q.reason) for q in batch.quarantined if q.channel) == sorted(
        a for a in aside if a[1]
    )
    assert [(q.record, q.rule, q.reason) for q in batch.quarantined if not q.channel] == [
        (a[0], *a[2:]) for a in aside if not a[1]
    ]


@given(data=st.binary(max_size=60), header=st.booleans())
def test_any_bytes_are_split_or_refused_and_no_line_is_lost(data: bytes, header: bool) -> None:
    form = TableFormat(header=header, columns=() if header else ("a", "b"))
    if not data.decode("utf-8", "surrogateescape").strip():
        return
    try:
        found = read_table(data, "f", form, Needs(frozenset(), frozenset()))
    except DataError:
        return
    assert found.records == len(found) + len(found.quarantined)
