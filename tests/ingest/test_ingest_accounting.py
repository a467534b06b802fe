"""Nothing is lost, nothing counts twice, and the order of arrival leaves no trace."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DataError
from pipelines.files import write_json
from pipelines.ingest import ingest_report, read_devices, read_events, read_files, read_quarantine, read_rows
from pipelines.ingest.stage import main
from pipelines.params import Active, Params
from tests.builders.raw import Checkout, cells, dataset, table, table_source

T = 1_700_000_000
JSON = table_source(
    files="*.jsonl",
    decoder="json",
    received={"field": "rx", "format": "epoch_s"},
    site="{site}",
    channels={"pressure": {"field": "pressure", "unit": "Pa"}, "flow": {"field": "flow"}},
)


def line(device: str = "p", t: float = T, rx: float = T, **values: float) -> str:
    return json.dumps({"device": device, "t": t, "rx": rx, **values})


def checkout(root: Path, *lines: str) -> Checkout:
    here = Checkout(root, dataset(JSON))
    here.write("a.jsonl", "\n".join(lines) + "\n")
    return here


def test_the_same_said_again_is_a_duplicate_and_the_first_receipt_stands(tmp_path: Path) -> None:
    here = checkout(tmp_path, line(rx=T + 9, flow=1), line(rx=T + 5, flow=1), line(rx=T + 7, flow=1))
    report = here.ingest()
    (row,) = read_rows(here.place, "some").itertuples()
    assert (report["accepted"], report["duplicates"], row.received.timestamp()) == (1, 2, T + 5)


def test_of_two_contradictions_the_one_received_first_stands(tmp_path: Path) -> None:
    here = checkout(tmp_path, line(rx=T + 9, flow=1), line(rx=T + 5, flow=2))
    report = here.ingest()
    (aside,) = read_quarantine(here.place, "some").itertuples()
    assert cells(read_rows(here.place, "some")) == [("p", T, None, 2.0)]
    assert (aside.rule, aside.record, aside.raw) == ("conflict", 1, line(rx=T + 9, flow=1).encode())
    assert (report["accepted"], report["quarantined"]) == (1, 1)


def test_channels_sent_apart_are_both_kept(tmp_path: Path) -> None:
    here = checkout(tmp_path, line(flow=1), line(rx=T + 5, pressure=1e5), line(rx=T + 6, flow=1, pressure=1e5))
    report = here.ingest()
    assert cells(read_rows(here.place, "some")) == [("p", T, None, 1.0), ("p", T, 1.0, None)]
    assert (report["accepted"], report["duplicates"]) == (2, 1)


def test_one_record_of_several_rows_counts_once(tmp_path: Path) -> None:
    both = f"[{line(flow=1)},{line(t=T + 60, flow=2)}]"
    here = checkout(tmp_path, both, line(flow=1), both, f"[{line(flow=9)},{line(t=T + 120, flow=1)}]")
    report = here.ingest()
    counts = (report["records"], report["accepted"], report["quarantined"], report["duplicates"])
    assert counts == (4, 2, 0, 2) and report["rows"] == 3


RECORD = st.one_of(
    st.builds(
        line,
        device=st.sampled_from("pq"),
        t=st.sampled_from([T, T + 3600, T + 86400]),
        rx=st.integers(T, T + 3),
        flow=st.sampled_from([1.0, 2.0, 99.0]),
    ),
    st.sampled_from(["{", "7", '{"t":1}', '{"device":"p","t":1,"flow":"x"}']),
)
FILES = st.lists(st.lists(RECORD, min_size=1, max_size=5), min_size=1, max_size=3)


@settings(max_examples=15, deadline=None)
@given(files=FILES, order=st.randoms(use_true_random=False))
def test_every_record_is_accounted_for_and_arrival_leaves_no_trace(files: list[list[str]], order: object) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole, bit_by_bit = Checkout(Path(one), dataset(JSON)), Checkout(Path(other), dataset(JSON))
        named = [(f"{i}.jsonl", "\n".join(lines) + "\n") for i, lines in enumerate(files)]
        for name, text in named:
            whole.write(name, text)
        report = accounted(whole)
        order.shuffle(named)  # type: ignore[attr-defined]
        for name, text in named:
            bit_by_bit.write(name, text)
            last = accounted(bit_by_bit)
        assert last == report and bit_by_bit.files() == whole.files()


def accounted(here: Checkout) -> dict[str, object] | None:
    try:
        report = here.ingest()
    except DataError as error:
        assert "not one row" in str(error)
        return None
    assert report["records"] == report["accepted"] + report["quarantined"] + report["duplicates"]
    assert read_files(here.place, "some")["records"].sum() == report["records"]
    return report


def test_lines_in_another_order_give_the_same_rows(tmp_path: Path) -> None:
    lines = [line(rx=T + i, flow=i % 2) for i in range(3)] + [line("q", T + 60, flow=5)]
    seen = set()
    for number, order in enumerate(itertools.permutations(lines, 4)):
        if number % 4:
            continue
        here = checkout(tmp_path / str(number), *order)
        here.ingest()
        seen.add(tuple(sorted((n, d) for n, d in here.files().items() if n.startswith("rows/"))))
    assert len(seen) == 1


def test_a_new_day_rewrites_only_its_own_files(tmp_path: Path) -> None:
    here = checkout(tmp_path, line(flow=1), line("q", flow=1))
    here.ingest()
    before = {p: p.stat().st_ino for p in here.tables.glob("rows/bucket=*/*.parquet")}
    here.write("b.jsonl", line(t=T + 86400, flow=1))
    here.ingest()
    after = {p: p.stat().st_ino for p in here.tables.glob("rows/bucket=*/*.parquet")}
    assert len(after) == len(before) + 1 and before.items() <= after.items()


def test_rows_that_are_no_longer_sent_leave_no_file(tmp_path: Path) -> None:
    here = checkout(tmp_path, line(flow=1))
    gone = here.write("b.jsonl", line(t=T + 86400, flow=1))
    here.ingest()
    gone.unlink()
    here.ingest()
    rebuilt = checkout(tmp_path / "anew", line(flow=1))
    rebuilt.ingest()
    assert here.files() == rebuilt.files()


def test_devices_get_a_line_at_each_change(tmp_path: Path) -> None:
    said = [(T, "n"), (T + 60, "n"), (T + 120, "m")]
    here = checkout(tmp_path, *(json.dumps({"device": "p", "t": t, "site": s, "flow": 1}) for t, s in said))
    here.ingest()
    devices = read_devices(here.place, "some")
    assert devices["site"].tolist() == ["n", "m"]
    assert [int(t.timestamp()) for t in devices["from"]] == [T, T + 120]


def test_a_device_on_two_given_sides_is_an_error(tmp_path: Path) -> None:
    here = Checkout(tmp_path, dataset(table_source(side="train"), table_source(files="*.txt", side="test")))
    here.write("a.csv", table([("p", T, 1, 1)]))
    here.write("a.txt", table([("p", T + 1, 1, 1)]))
    with pytest.raises(DataError, match="device 'p' is on side 'train' by one source and 'test' by 'source1'"):
        here.ingest()


def test_a_maintenance_log_becomes_events_and_says_each_once(tmp_path: Path) -> None:
    log = {"files": "*.log", "kind": "events", "decoder": "table", "device": "{device}", "event": "{kind}",
           "time": {"field": "t", "format": "epoch_s"}, "value": "v", "delay_s": 60}  # fmt: skip
    here = Checkout(tmp_path, dataset(table_source(), log))
    here.write("a.csv", table([("p", T, 1, 1)]))
    here.write("a.log", table([("p", T, "repair", 2), ("p", T, "repair", 2), ("p", T, "", 1), ("p", T, "x", "y")],
                              "device,t,kind,v"))  # fmt: skip
    report = here.ingest()
    (event,) = read_events(here.place, "some").itertuples()
    assert (event.kind, event.value, event.received.timestamp()) == ("repair", 2.0, T + 60)
    assert (report["by_source"]["source1"]["duplicates"], report["by_source"]["source1"]["quarantined"]) == (1, 2)


def endings(left: Sequence[object]) -> tuple[dict[str, object], str]:
    source = {"files": "left", "kind": "ending", "decoder": "table", "device": "p{row}", "ending": {"field": "left"},
              "table": {"header": False, "columns": ["left"]}}  # fmt: skip
    return source, "\n".join(str(n) for n in left)


def test_an_ending_is_told_by_the_last_row_or_by_the_periods_left(tmp_path: Path) -> None:
    source, text = endings([2, "x", 3])
    here = Checkout(tmp_path, dataset(table_source(), table_source(files="*.txt", ending={"event": "stop"}), source))
    here.write("a.csv", table([("p1", T, 1, 1), ("p1", T - 60, 1, 1), ("p2", T, 1, 1)]))
    here.write("a.txt", table([("e", T, 1, 1), ("e", T + 60, 1, 1)]))
    here.write("left", text)
    report = here.ingest()
    events = [(e.device, e.kind, e.time.timestamp()) for e in read_events(here.place, "some").itertuples()]
    assert events == [("e", "stop", T + 60), ("p1", "failure", T + 7200)]
    assert read_quarantine(here.place, "some")["rule"].tolist() == ["not_a_number", "unknown_device"]
    assert report["by_source"]["source2"]["quarantined"] == 2


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"", "a.csv is empty; fetch it again"),
        ("a.csv", b" \n\n", "a.csv is empty"),
        ("a.csv", b"\x1f\x8b\x08\x00\x00", "a.csv is a truncated or damaged gzip file"),
        ("a.csv", b"device,t,pressure,flow\np,x,1,1\n", "not one row could be read; the first reason: a.csv row 2"),
        ("b.txt", b"x", "no such file .source 'source0' of some.; supply it with `fleetloop data add some PATH`"),
        ("a.csv.dvc", b"x", "no such file"),
    ],
)
def test_an_unusable_file_is_one_clear_line(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    here = Checkout(tmp_path, dataset(table_source(files="*.csv*")))
    here.write(name, data)
    with pytest.raises(DataError, match=said):
        here.ingest()


def test_a_simulated_dataset_names_the_command_that_simulates_it(tmp_path: Path) -> None:
    here = Checkout(tmp_path, dataset(simulate={}))
    with pytest.raises(DataError, match="supply it with `fleetloop data simulate some` or `fleetloop data add some"):
        here.ingest()


def test_reading_what_was_never_made_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fleetloop stage ingest some"):
        read_rows(Checkout(tmp_path).place, "some")


CMAPSS = ("train_FD001.txt.gz", "test_FD001.txt.gz", "RUL_FD001.txt")


@pytest.mark.slow
def test_fd001_comes_out_as_published(tmp_path: Path, public_data: Path) -> None:
    here = Checkout(tmp_path)
    (tmp_path / "params.yaml").write_text((Path(__file__).parents[2] / "params.yaml").read_text())
    raw = here.place.raw("cmapss_fd001")
    raw.mkdir(parents=True)
    for name in CMAPSS:
        (raw / name).write_bytes((public_data / "cmapss" / name).read_bytes())
    main(here.place, "cmapss_fd001")
    report, rows = ingest_report(here.place, "cmapss_fd001"), read_rows(here.place, "cmapss_fd001", ["s2"])
    assert (report["by_source"]["train"]["accepted"], report["by_source"]["test"]["accepted"]) == (20631, 13096)
    assert report["quarantined"] == 0 and rows["device"].nunique() == 200
    events = read_events(here.place, "cmapss_fd001").set_index("device")["time"]
    left = (events - rows.groupby("device")["time"].max()).dt.total_seconds() / 3600
    assert (left["test-1"], left["test-2"], left["train-1"]) == (112, 98, 0)
    sides = read_devices(here.place, "cmapss_fd001").set_index("device")["side"]
    assert (sides.filter(like="test") == "test").all() and sides.filter(like="train").isna().all()


def test_a_corrected_mapping_releases_what_it_explains_and_reads_no_other_file(tmp_path: Path) -> None:
    from pipelines.ingest import redrive

    here = Checkout(tmp_path, dataset(table_source(), table_source(files="*.txt")))
    here.write("a.csv", table([("p", T, 1e5, "off"), ("p", T + 60, 1e5, 2), ("q", T, "x", 1)]))
    here.write("b.txt", table([("r", T, 1e5, 3)]))
    write_json(here.place.room("some", "ingest") / "report.json", here.ingest())
    others = {p: p.stat().st_mtime_ns for p in here.tables.rglob("*.parquet")}
    spec = dataset(table_source(missing=["off"]), table_source(files="*.txt"))
    params = Params(active=Active(datasets=(), use_cases={}), datasets={"some": spec}, use_cases={})
    done = redrive(here.place, "some", params, lambda: None)
    assert done.released[["source", "channel", "rule", "entries"]].to_numpy().tolist() == [
        ["source0", "flow", "not_a_number", 1]
    ]
    assert (done.before["cells_quarantined"], done.after["cells_quarantined"], len(done.added)) == (2, 1, 0)
    fresh = Checkout(tmp_path / "fresh", spec)
    for name in ("a.csv", "b.txt"):
        fresh.write(name, (here.raw / name).read_bytes())
    fresh.ingest()
    assert fresh.files() == here.files()
    assert any(p.is_file() and p.stat().st_mtime_ns == at for p, at in others.items())


def test_a_run_with_nothing_new_reads_no_row(tmp_path: Path) -> None:
    here = checkout(tmp_path, line(flow=1), line("q", T + 86400, flow=2))
    report = here.ingest()
    for path in here.tables.glob("rows/bucket=*/*.parquet"):
        path.write_bytes(b"no rows here")
    assert here.ingest() == report
