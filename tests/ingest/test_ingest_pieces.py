"""Files are decoded piece by piece, plain lines by compiled kernels: nothing of what comes out depends on it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.ingest import parquet, source_files, unpack
from pipelines.ingest.compile import channels_of, compile_source
from pipelines.ingest.decimal_kernel import decimal
from pipelines.ingest.decoded import decode_file
from pipelines.ingest.expiry import Cutoffs
from pipelines.ingest.runs import Columns, Runs
from pipelines.ingest.source_files import RawFile
from tests.builders.raw import Checkout, dataset, table, table_source

T = 1_700_000_000
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e9, 1e9).map(repr),
    st.from_regex(r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.integers(1 << 52, 1 << 53).map(lambda n: f"{2 * n + 1}e0"),  # halfway between two floats
)


@settings(max_examples=500, deadline=None)
@given(text=NUMBERS)
@example("9007199254740993")
@example("0.000000000000000000000000000012345678901234567")
def test_a_number_is_the_float_that_python_reads_or_none(text: str) -> None:
    value, end, _ = decimal(np.frombuffer(text.encode(), dtype=np.uint8), 0, len(text), ord("."))
    if end == len(text):
        assert np.float64(value).tobytes() == np.float64(float(text)).tobytes()


def records(count: int) -> list[dict[str, Any]]:
    """Plain ones, and one of each kind that only the device's own decoder reads."""
    plain = [{"device": f"p{i % 3}", "t": T + 60 * i, "pressure": 1e5 + i / 7, "flow": i % 90} for i in range(count)]
    odd: list[dict[str, Any]] = [
        {"flow": "x"},
        {"flow": None},
        {"t": "never"},
        {"device": 'a"b'},
        {"pressure": "-9999"},
    ]
    return plain + [plain[0] | {"t": T - 60 * i} | change for i, change in enumerate(odd, 1)]


def as_csv(lines: list[dict[str, Any]]) -> bytes:
    cells = [["" if v is None else v for v in line.values()] for line in lines]
    return table([tuple('"a""b"' if c == 'a"b' else c for c in row) for row in cells]).encode()


def as_json(lines: list[dict[str, Any]]) -> bytes:
    said = [json.dumps(dict(reversed(line.items())) if i % 5 == 0 else line) for i, line in enumerate(lines)]
    return "\n".join([*said, "", '{"device": "p", "t": [1]}', '{"t": 1', said[0] + " x", "NaN"]).encode()


def outcome(folder: Path, name: str, data: bytes) -> dict[str, bytes]:
    """All that ingest writes of one file, by name."""
    source = table_source(files="*", decoder="json" if name.endswith("jsonl") else "table")
    here = Checkout(folder, dataset(source))
    here.write(name, data)
    here.ingest()
    tables = here.place.room("some", "ingest") / "tables"
    return {p.relative_to(tables).as_posix(): p.read_bytes() for p in tables.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("name", "data"), [("a.csv", as_csv(records(200))), ("a.jsonl", as_json(records(200)))])
def test_the_size_of_the_pieces_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes
) -> None:
    whole = outcome(tmp_path / "whole", name, data)
    monkeypatch.setattr(source_files, "PIECE", 400)
    monkeypatch.setattr(unpack, "_CHUNK", 150)
    assert outcome(tmp_path / "pieces", name, data) == whole


@pytest.mark.parametrize(("name", "data"), [("a.csv", as_csv(records(60))), ("a.jsonl", as_json(records(60)))])
def test_plain_lines_come_out_as_the_general_readers_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes
) -> None:
    plain = outcome(tmp_path / "plain", name, data)
    for module in ("text_table", "json_table"):
        monkeypatch.setattr(f"pipelines.ingest.{module}.can_scan", lambda *_: False)
    assert outcome(tmp_path / "general", name, data) == plain


def test_parquet_in_pieces_is_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = dataset(table_source(files="*", decoder="parquet"))
    columns = {name: [line[name] for line in records(100)[:100]] for name in records(1)[0]}
    found = []
    for rows in (parquet.ROWS, 30, 7):  # small row groups, one that is read by column, and a large one
        monkeypatch.setattr(parquet, "ROWS", rows)
        here = Checkout(tmp_path / str(rows), spec)
        here.write("a.parquet", b"")
        pq.write_table(pa.table(columns), here.place.raw("some") / "a.parquet", row_group_size=30)
        here.ingest()
        found.append((here.place.room("some", "ingest") / "tables" / "rows" / "manifest.json").read_bytes())
    assert found[0] == found[1] == found[2]


def test_what_is_kept_of_a_file_does_not_grow_with_its_rows(tmp_path: Path) -> None:
    spec = dataset(table_source(decoder="parquet"))
    mapping = compile_source("s", spec.sources["source0"], spec)
    kept = []
    for pieces in (2, 6):
        path = tmp_path / f"{pieces}.parquet"
        rows = big_file(path, "parquet", pieces)
        runs = Runs(tmp_path / f"runs-{pieces}", Columns(tuple(spec.channels)), spec.storage)
        source, channels = spec.sources["source0"], channels_of(spec)
        found = decode_file(RawFile(path, path.name), source, mapping, "v", channels, runs, Cutoffs())
        assert found.rows == rows
        kept.append(len(pickle.dumps(found)))
    assert kept[1] < kept[0] + 100


PEAK = r"""
import re, sys
from pathlib import Path
from pipelines.ingest.compile import channels_of, compile_source
from pipelines.ingest.decode import decode_rows
from pipelines.ingest.source_files import RawFile
from tests.builders.raw import dataset, table_source
spec = dataset(table_source(decoder=sys.argv[2]))
source, path = spec.sources["source0"], Path(sys.argv[1])
mapping = compile_source("s", source, spec)
rows = sum(len(b.rows) for b in decode_rows(RawFile(path, path.name), source, mapping, channels_of(spec)))
print(rows, *re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["table", "json", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, decoder: str) -> None:
    """A file of 6 pieces takes hardly more than one of 2."""
    peaks = []
    for pieces in (2, 6):
        path = tmp_path / f"{pieces}.{decoder}"
        rows = big_file(path, decoder, pieces)
        command = [sys.executable, "-c", PEAK, str(path), decoder]
        counted, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert int(counted) == rows
        peaks.append(int(peak))
    assert peaks[1] < 1.15 * peaks[0], f"{decoder}: {peaks} kB"


def big_file(path: Path, decoder: str, pieces: int) -> int:
    """Write `pieces` times as much as is decoded at a time; how many rows that are."""
    lines = [{"device": "p", "t": T + i, "pressure": 1e5 + i, "flow": i % 80, "note": "x" * 400} for i in range(2000)]
    if decoder == "parquet":
        batch = pa.Table.from_pylist(lines)
        times = pieces * parquet.ROWS // len(lines) + 1
        with pq.ParquetWriter(path, batch.schema) as writer:
            for _ in range(times):
                writer.write_table(batch)
        return times * len(lines)
    header = b"device,t,pressure,flow,note\n" if decoder == "table" else b""
    said = [json.dumps(line) if decoder == "json" else ",".join(map(str, line.values())) for line in lines]
    body = "".join(line + "\n" for line in said).encode()
    times = pieces * source_files.PIECE // len(body) + 1
    path.write_bytes(header + body * times)
    return times * len(lines)
