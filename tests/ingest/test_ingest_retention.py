"""What is too old goes and does not come back; what is left adds up, and is what ingest alone would have made."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ParamsError
from pipelines.files import write_json
from pipelines.ingest import plan_retention, read_files, read_quarantine, read_rows, write_ledger
from pipelines.ingest.expiry import LEDGER
from tests.builders.raw import Checkout, cells, dataset, table, table_source

DAY = 86_400
T = 1_700_006_400  # 2023-11-15, midnight
NOW = datetime.fromtimestamp(T + 10 * DAY, UTC)
LONG = table_source(
    long={"name": "tag", "value": "v"}, channels={"pressure": {"field": "P", "unit": "Pa"}, "flow": "F"}, files="*.long"
)
POLICY = {"raw_days": 8, "rows_days": 5, "quarantine_days": 5}


def day(number: int, *more: tuple[object, ...]) -> str:
    at = T + number * DAY
    return table([("p", at, 1e5, 1), ("q", at + 60, 2e5, 2), ("p", at, 1e5, 1), ("q", at + 90, "x", 99), *more])


def fleet(root: Path, **policy: float) -> Checkout:
    here = Checkout(root, dataset(retention=policy or POLICY))
    for number in range(10):
        here.write(f"{number}.csv", day(number))
    here.ingest()
    return here


def adds_up(report: dict[str, int]) -> bool:
    fates = ("accepted", "quarantined", "duplicates", "expired")
    return report["records"] == sum(report[fate] for fate in fates)


def applied(here: Checkout) -> dict[str, int]:
    found = plan_retention(here.place, "some", here.spec, NOW)
    write_ledger(here.raw, found, dict.fromkeys(found.files, ""))
    for file in found.files:
        (here.raw / file).unlink()
    return here.ingest()


def test_each_tier_goes_at_its_age_and_the_account_adds_up(tmp_path: Path) -> None:
    here = fleet(tmp_path)
    report = applied(here)
    assert sorted(file.name for file in here.raw.glob("*.csv")) == [f"{n}.csv" for n in range(2, 10)]
    assert read_rows(here.place, "some")["time"].min().timestamp() == T + 5 * DAY
    assert set(read_quarantine(here.place, "some")["file"]) == {f"{n}.csv" for n in range(5, 10)}
    assert adds_up(report) and (report["records"], report["expired"]) == (32, 12)
    assert read_files(here.place, "some").set_index("file")["expired"].to_dict() == {
        f"{n}.csv": 4 * (n < 5) for n in range(2, 10)
    }


def test_what_has_gone_does_not_come_back_even_if_its_file_does(tmp_path: Path) -> None:
    here = fleet(tmp_path)
    applied(here)
    rows, entries = read_rows(here.place, "some"), read_quarantine(here.place, "some")
    here.write("0.csv", day(0))
    report = here.ingest()
    assert read_rows(here.place, "some").equals(rows) and read_quarantine(here.place, "some").equals(entries)
    assert adds_up(report) and report["expired"] == 16


def test_cutoffs_only_move_forward(tmp_path: Path) -> None:
    here = fleet(tmp_path)
    applied(here)
    earlier = plan_retention(here.place, "some", here.spec, datetime.fromtimestamp(T + 6 * DAY, UTC))
    assert earlier.cutoffs == plan_retention(here.place, "some", here.spec, NOW).cutoffs


def test_a_policy_that_would_leave_nothing_is_refused(tmp_path: Path) -> None:
    here = fleet(tmp_path)
    with pytest.raises(ParamsError, match="no row would be left"):
        plan_retention(here.place, "some", here.spec, datetime(2026, 1, 1, tzinfo=UTC))


def test_without_a_policy_the_error_shows_one(tmp_path: Path) -> None:
    here = Checkout(tmp_path)
    here.write("0.csv", day(0))
    here.ingest()
    with pytest.raises(ParamsError, match="rows_days: 365"):
        plan_retention(here.place, "some", here.spec, NOW)


def test_raw_files_are_kept_at_least_as_long_as_the_rows_made_of_them() -> None:
    with pytest.raises(ValueError, match="raw_days needs rows_days"):
        dataset(retention={"raw_days": 5, "rows_days": 8})


def test_the_last_file_of_a_source_and_logs_stay(tmp_path: Path) -> None:
    log = {"files": "*.log", "kind": "events", "decoder": "table", "device": "{device}", "event": "{kind}",
           "time": {"field": "t", "format": "epoch_s"}}  # fmt: skip
    here = Checkout(tmp_path, dataset(table_source(), table_source(files="*.old"), log, retention=POLICY))
    here.write("0.old", day(0))
    here.write("9.csv", day(9))
    here.write("events.log", f"device,t,kind\np,{T},failure\n")
    here.ingest()
    found = plan_retention(here.place, "some", here.spec, NOW)
    why = {item.why for item in found.items if item.tier == "raw"}
    assert found.files == () and any("last file" in w for w in why) and any("log" in w for w in why)


@settings(max_examples=12, deadline=None)
@given(
    cut=st.integers(0, 4),
    order=st.permutations(range(4)),
    late=st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 4 * DAY), st.integers(1, 3)), max_size=6),
)
def test_the_same_files_and_cutoffs_give_the_same_bytes_whatever_came_first(
    cut: int, order: list[int], late: list[tuple[str, int, int]]
) -> None:
    files = {f"{n}.csv": day(n) for n in range(4)} | {
        "late.csv": table([("p", T + 4 * DAY, 1e5, 1), *((d, T + s, 1e5, v) for d, s, v in late)]),
        "tags.long": "device,t,tag,v\n" + "".join(f"{d},{T + s},{'PF'[v % 2]},{v}\n" for d, s, v in late)
        + f"p,{T + 4 * DAY},F,1\n",
    }  # fmt: skip
    ledger = {"before": {"rows": _iso(T + cut * DAY), "quarantine": _iso(T + cut * DAY)}, "gone": {}}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        spec = dataset(table_source(), LONG)
        whole, after = Checkout(Path(one), spec), Checkout(Path(other), spec)
        for name, text in files.items():
            whole.write(name, text)
        write_json(whole.raw / LEDGER, ledger)
        report = whole.ingest()
        assert adds_up(report)
        after.write("late.csv", files["late.csv"])
        after.write("tags.long", files["tags.long"])
        for number in order:
            after.write(f"{number}.csv", files[f"{number}.csv"])
        after.ingest()
        write_json(after.raw / LEDGER, ledger)
        assert after.ingest() == report and after.files() == whole.files()
        assert all(row[1] >= T + cut * DAY for row in cells(read_rows(whole.place, "some")))


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
