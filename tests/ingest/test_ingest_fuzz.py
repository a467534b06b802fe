"""Whatever stands in a raw file, every record of it is accepted or set aside, or one sentence refuses the file."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DataError, ParamsError
from pipelines.ingest import guess_dataset, read_quarantine, read_rows, text, unpack
from pipelines.ingest.batch import Batch
from pipelines.ingest.compile import channels_of, compile_source
from pipelines.ingest.decode import decode_rows
from pipelines.ingest.lines import decode_lines
from pipelines.ingest.source_files import RawFile
from tests.builders.mutate import mutated
from tests.builders.raw import Checkout, cells, dataset, table, table_source

T = 1_700_000_000
TABLE = table([("p", T, 1e5, 31.2), ("q", T + 60, "-9999", "n/a"), ("p", T + 60, "x", 99), ('"a,b"', T, 5, 6)]).encode()
LINES = b"\n".join(json.dumps({"device": "p", "t": T + i, "flow": i, "pressure": 1e5}).encode() for i in range(4))
LONG = table([("p", T, "PT", 1e5), ("p", T, "FT", 2), ("q", T, "FT", "x")], "device,t,tag,v").encode()
STAMPED = table([("p", "2026-10-25 02:30", 1, 2), ("p", "2026-10-25 02:15", 3, 4)]).encode()
ZONED = {"field": "t", "format": "%Y-%m-%d %H:%M", "zone": "Europe/Berlin", "ambiguous": "order"}
MADE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "table": (TABLE, table_source()),
    "marked": (TABLE, table_source(labels={"l": {"field": "flow", "values": {2: "two"}}},
                                   events={"e": {"field": "flow", "when": [31.2]}})),
    "blanks": (b"p 1700000000 1 2\nq 1700000060 3 4\n", table_source(
        table={"delimiter": "whitespace", "header": False, "columns": ["device", "t", "pressure", "flow"]})),
    "widths": (b"p1700000000  1  2\nq1700000060  3  4\n", table_source(
        table={"widths": [1, 10, 3, 3], "header": False, "columns": ["device", "t", "pressure", "flow"]})),
    "grouped": (b"device;t;pressure;flow\np;1700000000;1.000,5;2,5\n", table_source(
        table={"delimiter": ";", "decimal": ",", "thousands": "."})),
    "foreign": (TABLE, table_source(table={"encoding": "latin-1", "comment": "#", "skip": 1, "header": False,
                                           "columns": ["device", "t", "pressure", "flow"]})),
    "spread": (TABLE, table_source(spread={"columns": ["pressure", "flow"]}, channels={"flow": "cell"})),
    "long": (LONG, table_source(long={"name": "tag", "value": "v"}, channels={"pressure": "PT", "flow": "FT"})),
    "zoned": (STAMPED, table_source(time=ZONED)),
    "json": (LINES, table_source(decoder="json")),
    "enveloped": (b'{"p":"e30="}\n{"p":"eyJ0IjoxfQ=="}', table_source(decoder="json", envelope={"payload": "p"})),
    "senml_cbor": (b"\x81\xa3\x21\x62p/\x22\x01\x02\x01", table_source(decoder="senml_cbor")),
}  # fmt: skip


def accounted(source: dict[str, Any], data: bytes, name: str = "a.csv") -> None:
    """All records of a file holding `data` are told; a refusal is one sentence."""
    spec = dataset(source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        mapping = compile_source("s", spec.sources["source0"], spec)
        try:
            batches = list(decode_rows(RawFile(path, name), spec.sources["source0"], mapping, channels_of(spec)))
        except (DataError, ParamsError) as error:
            assert str(error) and "\n" not in str(error)
            return
        for batch in batches:
            placed = set((batch.parts.record if batch.parts else batch.rows.record).tolist())
            aside = {entry.record for entry in batch.quarantined if entry.channel is None}
            assert not placed & aside and len(placed) + len(aside) == batch.records
            assert all(entry.rule and entry.reason for entry in batch.quarantined)


@pytest.mark.parametrize("made", MADE)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_files(made: str, data: st.DataObject) -> None:
    raw, source = MADE[made]
    accounted(source, data.draw(mutated((raw,))))


@settings(max_examples=40, deadline=None)
@given(data=mutated((gzip.compress(TABLE), pa.compress(TABLE, "zstd", asbytes=True))))
def test_damaged_archives(data: bytes) -> None:
    accounted(table_source(), data, "a.csv.gz")


@settings(max_examples=60, deadline=None)
@given(data=st.one_of(mutated((TABLE, LINES, LONG)), st.binary(max_size=300)))
def test_a_guess_is_a_mapping_or_a_sentence(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.csv").write_bytes(data)
        try:
            block = guess_dataset("new", Path(folder))
        except DataError as error:
            assert str(error)
            return
        assert block.startswith("  new:")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "FREE", 1 << 20)
    zeros = bytes(64 << 20)
    for name, packed in (("a.gz", gzip.compress(zeros)), ("a.zst", pa.compress(zeros, "zstd", asbytes=True))):
        monkeypatch.setattr(unpack, "RATIO", 10)
        (tmp_path / name).write_bytes(packed)
        with pytest.raises(DataError, match="unpacks to more than 1 MB"):
            unpack.unpacked(tmp_path / name)


def test_a_line_without_end_is_set_aside_by_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LONGEST", 1000)
    monkeypatch.setattr(text, "RAW_KEPT", 10)
    here = Checkout(tmp_path)
    here.write("a.csv", TABLE + b"y" * 5000 + b"\n" + f"p,{T + 9},1,1\n".encode())
    report = here.ingest()
    aside = read_quarantine(here.place, "some").set_index("rule")
    assert aside.loc["line_too_long", "raw"] == b"y" * 10 and "5,000 bytes" in aside.loc["line_too_long", "reason"]
    assert (report["records"], report["accepted"], report["quarantined"]) == (6, 5, 1)


def test_nul_bytes_mixed_encodings_and_clocks_that_never_were(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    lines = [b"p\0q,1700000000,1,1", "\u00e9,1700000000,1,1".encode(), b"\xe9,1700000000,1,1", b"p,0,1,1",
             b"p,4102444800,1,2", b"p,7258118400,1,1", b"../../x/y,1700000000,1,3",
             b"a b\\c:*?,1700000000,1,4"]  # fmt: skip
    here.write("a.csv", b"device,t,pressure,flow\n" + b"\n".join(lines))
    here.ingest()
    found = {(row[0], row[1]) for row in cells(read_rows(here.place, "some"))}
    assert found == {("p\0q", T), ("\u00e9", T), ("p", 0), ("p", 4102444800), ("../../x/y", T), ("a b\\c:*?", T)}
    assert sorted(read_quarantine(here.place, "some")["rule"]) == ["bad_time", "encoding"]
    assert all(path.is_relative_to(here.tables) for path in here.tables.rglob("*"))


def test_links_are_followed_to_files_and_one_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    elsewhere = tmp_path / "cache"
    elsewhere.write_bytes(TABLE)
    here.raw.mkdir(parents=True)
    (here.raw / "a.csv").symlink_to(elsewhere)
    assert here.ingest()["records"] == 4
    (here.raw / "b.csv").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"b.csv is a link that leads nowhere"):
        here.ingest()


VALUE = st.one_of(
    st.floats(width=64),
    st.integers(-10, 10**20),
    st.none(),
    st.booleans(),
    st.sampled_from(["6.4e5", "n/a", "", "x", "1_0"]),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "device": st.sampled_from(["p", "q", " r ", "", None, 7, True, "\u00e9"]),
        "t": st.sampled_from([T, T + 0.5, str(T), "", None, -1, "x", 1e20]),
        "rx": st.sampled_from([T + 9, None, "x"]),
        "flow": VALUE,
        "pressure": VALUE,
        "other": st.one_of(VALUE, st.just({"a": [1, {}]})),
    },
)
USUAL = st.fixed_dictionaries(
    {"device": st.sampled_from("pq"), "t": st.integers(T, T + 9)}, optional={"flow": st.floats(-5, 99)}
)
ODD = st.sampled_from(
    ["{", "7", "[]", '[{"device":"p","t":1,"flow":1}]', '{"flow":1}{"flow":2}', '{"flow":1,"flow":2}', "null",
     '{"device":"p","t":1,"flow":Inf}', '{"device":"p","t":1,"flow":NaN,}', '{"a":"\\ud800"}', '{"device":"p"']
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(st.one_of(USUAL.map(json.dumps), FIELDS.map(json.dumps), ODD), min_size=1, max_size=8))
def test_json_read_at_array_speed_is_what_the_device_reads(lines: list[str]) -> None:
    spec = dataset(
        table_source(decoder="json", received={"field": "rx", "format": "epoch_s"}, site="{device}", delay_s=5)
    )
    source, channels = spec.sources["source0"], channels_of(spec)
    mapping = compile_source("s", source, spec)
    data = "\n".join(lines).encode()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.jsonl").write_bytes(data)
        batches = list(decode_rows(RawFile(Path(folder) / "a.jsonl", "a.jsonl"), source, mapping, channels))
    assert told(batches) == told([decode_lines(data, "a.jsonl", mapping, channels, {"file": "a", "folder": ""})])


def told(batches: list[Batch]) -> tuple[Any, ...]:
    """Rows and quarantine of a file, by record."""
    rows, aside = [], []
    for batch in batches:
        own = batch.rows
        for i, record in enumerate(own.record.tolist()):
            values = [f"{own.values[name][i]:.6g}" for name in ("pressure", "flow")]
            code = own.about["site"].codes[i]
            site = None if code < 0 else own.about["site"].words[code]
            rows.append((record, own.device.words[own.device.codes[i]], own.time[i], own.received[i], site, *values))
        aside += [(q.record, q.channel or "", q.rule, q.reason, q.raw) for q in batch.quarantined]
    return sorted(rows), sorted(aside), sum(batch.records for batch in batches)
