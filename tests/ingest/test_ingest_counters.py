"""Cumulative counters become increments, as the device makes them, wherever a file or a message ends."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop_edge.check import check
from fleetloop_edge.counters import COUNTED, RESTARTED, ROLLED, TURNED, Totals, increment
from fleetloop_edge.decoders import decode
from pipelines.errors import ParamsError
from pipelines.ingest import channels_of, compile_source, read_rows
from pipelines.params import DatasetSpec
from tests.builders.raw import Checkout, dataset, table, table_source

T = 1_700_006_400


def metered(decoder: str = "table", **changes: Any) -> DatasetSpec:
    field = {"field": "wh", "unit": "Wh", "counter": True} | changes
    source = table_source(
        files={"table": "*.csv", "json": "*.jsonl"}[decoder], decoder=decoder, channels={"energy": field}, missing=[-1]
    )
    channels = {"energy": {"unit": "kWh", "min": 0, "max": 50}}
    return dataset(source, channels=channels, storage={"buckets": 1, "span": "all"})


def counted(here: Checkout) -> list[float | None]:
    values = read_rows(here.place, "some")["energy"].to_numpy(dtype=float)
    return [None if value != value else round(value, 4) for value in values]


def readings(*totals: object, device: str = "p") -> str:
    return table([(device, T + 60 * i, total) for i, total in enumerate(totals)], "device,t,wh")


@pytest.mark.parametrize(
    ("before", "now", "rollover", "told"),
    [
        (5, 7, 0, (2, COUNTED)),
        (99, 3, 100, (4, ROLLED)),
        (60, 3, 100, (43, ROLLED)),
        (40, 3, 100, (3, RESTARTED)),
        (500, 3, 0, (3, RESTARTED)),
    ],
)
def test_a_counter_that_shows_less_has_begun_again(
    before: float, now: float, rollover: float, told: tuple[float, int]
) -> None:
    assert increment(before, now, rollover) == told


def test_a_step_back_that_is_no_restart_says_nothing() -> None:
    value, kind = increment(500, 499, 0)
    assert value != value and kind == TURNED


def test_increments_are_taken_before_float32_rounds_them(tmp_path: Path) -> None:
    here = Checkout(tmp_path, metered())
    here.write("a.csv", readings(1e11, 1e11 + 500, -1, 1e11 + 1500))
    report = here.ingest()
    assert counted(here) == [None, 0.5, None, 1.0]
    assert report["counters"]["energy"]["readings"] == 3


def test_restarts_rollovers_and_what_no_meter_counts_are_in_the_report(tmp_path: Path) -> None:
    here = Checkout(tmp_path, metered(rollover=1e6))
    here.write("a.csv", readings(990e3, 2e3, 3e3, 100, 99, 400e3))
    report = here.ingest()
    assert counted(here) == [None, 12.0, 1.0, 0.1, None, None]
    assert report["counters"]["energy"] == {
        "readings": 6, "rollovers": 1, "restarts": 1, "turned": 1, "outside": 1, "devices_restarted": 1,
    }  # fmt: skip


def test_a_counter_goes_on_from_file_to_file_whatever_came_first(tmp_path: Path) -> None:
    made = []
    for order in ("abc", "cab"):
        here = Checkout(tmp_path / order, metered())
        for name in order:
            at = "abc".index(name)
            here.write(f"{name}.csv", table([("p", T + at * 60, 1000 * (at + 1))], "device,t,wh"))
            here.ingest()
        made.append(here.files())
        assert counted(here) == [None, 1.0, 1.0]
    assert made[0] == made[1]


def test_what_was_sent_again_counts_once(tmp_path: Path) -> None:
    here = Checkout(tmp_path, metered())
    here.write("a.csv", readings(1000, 2000))
    here.write("b.csv", readings(1000, 2000, 2500))
    report = here.ingest()
    assert counted(here) == [None, 1.0, 0.5] and report["duplicates"] == 2


def test_a_unit_that_is_no_pure_scale_counts_nothing(tmp_path: Path) -> None:
    spec = dataset(
        table_source(channels={"warm": {"field": "f", "unit": "degF", "counter": True}}),
        channels={"warm": {"unit": "degC", "min": 0, "max": 9}},
    )
    with pytest.raises(ParamsError, match="no pure scale"):
        compile_source("source0", spec.sources["source0"], spec)


STEPS = st.lists(
    st.tuples(
        st.sampled_from("pq"), st.integers(1, 500), st.sampled_from([0, 7, 1000, 49_999, 70_000, "back", "none"])
    ),
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS, decoder=st.sampled_from(["table", "json"]), rollover=st.sampled_from([None, 2e5]))
def test_history_counts_as_the_device_does(steps: list[tuple[str, int, Any]], decoder: str, rollover: float) -> None:
    spec = metered(decoder, rollover=rollover)
    total, at, lines = dict.fromkeys("pq", 1e9), T, []
    for device, seconds, step in steps:
        at += seconds
        more = step if isinstance(step, int) and step > 0 else 0
        total[device] = 3.0 if step == "back" else total[device] + more
        total[device] %= rollover or 1e18
        lines.append((device, at, -1 if step == "none" else total[device]))
    source, channels = compile_source("source0", spec.sources["source0"], spec), channels_of(spec)
    state, told = Totals(), []
    for device, t, wh in [("z", T, 1.0), *lines]:
        payload = json.dumps({"device": device, "t": t, "wh": wh}).encode()
        found, _ = state.counted(check(decode(payload, compile_json(spec)), source, channels)[0], source, channels)
        told += [(r.device, r.time, float(np.float32(r.value))) for r in found]
    with tempfile.TemporaryDirectory() as folder:
        here = Checkout(Path(folder), spec)
        rows = [("z", T, 1.0), *lines]
        text = table(rows, "device,t,wh")
        if decoder == "json":
            text = "".join(json.dumps(dict(zip(("device", "t", "wh"), row, strict=True))) + "\n" for row in rows)
        here.write("a.csv" if decoder == "table" else "a.jsonl", text)
        here.ingest()
        frame = read_rows(here.place, "some")
    ours = [
        (d, t.timestamp(), float(v)) for d, t, v in zip(frame["device"], frame["time"], frame["energy"], strict=True)
    ]
    assert repr(sorted(ours, key=lambda r: r[:2])) == repr(sorted(told, key=lambda r: r[:2]))


def compile_json(spec: DatasetSpec) -> Any:
    source = spec.sources["source0"].model_copy(update={"decoder": "json"})
    return compile_source("source0", source, spec)


def test_a_gateway_s_counters_outlast_it() -> None:
    state = Totals()
    spec = metered("json")
    source, channels = compile_json(spec), channels_of(spec)

    def push(state: Totals, t: float, wh: float) -> float:
        payload = json.dumps({"device": "p", "t": t, "wh": wh}).encode()
        return state.counted(check(decode(payload, source), source, channels)[0], source, channels)[0][0].value

    push(state, T, 5000)
    again = Totals(json.loads(json.dumps(state.to_dict())))
    assert push(again, T + 60, 5500) == 0.5


def test_a_clock_that_jumps_is_in_the_report(tmp_path: Path) -> None:
    here = Checkout(tmp_path, dataset(table_source(received={"field": "rx", "format": "epoch_s"})))
    rows = [("p", T + 3600 * i + 7200 * (i >= 20), 1e5, 1, T + 3600 * i + 20) for i in range(40)]
    steady = [("q", T + 3600 * i, 1e5, 1, T + 3600 * i + 20 + i % 7) for i in range(40)]
    here.write("a.csv", table(rows + steady, "device,t,pressure,flow,rx"))
    here.spec = here.spec.model_copy(update={"storage": here.spec.storage.model_copy(update={"span": "all"})})
    report = here.ingest()
    assert list(report["clock_jumps"]) == ["p"] and report["clock_jumps"]["p"][0]["by_s"] == 7200.0


DAY = 86_400


def daily() -> DatasetSpec:
    return metered().model_copy(update={"storage": metered().storage.model_copy(update={"span": "day"})})


LATE = st.lists(
    st.tuples(st.sampled_from("pq"), st.integers(0, 5), st.sampled_from([1, 2]), st.integers(0, 40_000)),
    min_size=2,
    max_size=12,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=15, deadline=None)
@given(rows=LATE.flatmap(st.permutations), cut=st.integers(1, 11))
def test_a_counter_goes_on_over_the_border_of_a_span_whatever_came_first(
    rows: list[tuple[str, int, int, int]], cut: int
) -> None:
    lines = [(device, T + day * DAY + 60 * minute, 1e6 + wh) for device, day, minute, wh in rows]
    told: dict[tuple[str, int], float] = {}
    last: dict[str, float] = {}
    for device, at, total in sorted(lines):
        step = increment(last.get(device, math.nan), total, 0.0)[0] / 1000
        told[device, at] = float(np.float32(step)) if 0 <= step <= 50 else math.nan
        last[device] = total
    cut = min(cut, len(lines) - 1)
    made, pieces = [], {"0.csv": lines[:cut], "1.csv": lines[cut:]}
    with tempfile.TemporaryDirectory() as folder:
        for order in (["0.csv", "1.csv"], ["1.csv", "0.csv"]):
            here = Checkout(Path(folder) / order[0], daily())
            for name in order:
                here.write(name, table(pieces[name], "device,t,wh"))
                here.ingest()
            made.append(here.files())
        frame = read_rows(here.place, "some")
    assert made[0] == made[1]
    times = [int(time.timestamp()) for time in frame["time"]]
    ours = dict(zip(zip(frame["device"], times, strict=True), frame["energy"].astype(float).tolist(), strict=True))
    assert repr(sorted(ours.items())) == repr(sorted(told.items()))


def test_late_rows_rewrite_their_span_and_the_next_that_counts_on(tmp_path: Path) -> None:
    here = Checkout(tmp_path, daily())
    for day in (0, 1, 4, 5):
        here.write(f"{day}.csv", table([("p", T + day * DAY, 1000 * day)], "device,t,wh"))
    here.ingest()
    before = here.files()
    here.write("3.csv", table([("p", T + 3 * DAY, 3000)], "device,t,wh"))
    here.ingest()
    assert counted(here) == [None, 1.0, 2.0, 1.0, 1.0]
    rows = [name for name, content in here.files().items() if "rows/bucket" in name and before.get(name) != content]
    assert [Path(name).stem for name in sorted(rows)] == ["2023-11-18", "2023-11-19"]
