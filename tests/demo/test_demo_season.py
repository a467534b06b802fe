"""The spans of the demo on a real, tiny lap: each row is decided once, by the bundle of its span."""

from pathlib import Path

import pandas as pd
import pytest

from pipelines.demo import Season
from pipelines.params import FIRMWARE_KINDS, SENSOR_KINDS, WORLD_KINDS, load_params
from pipelines.watch import read_log


def test_what_the_shipped_demo_shows_is_three_sensor_faults_a_firmware_and_a_drift_in_two_hundred_devices():
    demo = load_params(Path(__file__).parents[2]).demo
    kinds = [order.kind for order in demo.orders]
    counts = [sum(kind in family for kind in kinds) for family in (SENSOR_KINDS, FIRMWARE_KINDS, WORLD_KINDS)]
    assert (demo.devices, demo.days, counts) == (200, 56, [3, 1, 1])


@pytest.mark.slow
def test_two_spans_are_two_spans_of_the_log_and_what_was_decided_is_not_decided_again(lap, tmp_path):
    season = Season(lap, "pumps", "2026-01-22T00:00:00Z", 7, tmp_path / "decisions", tmp_path / "field")
    bundle = lap.room("pumps", "export") / "bundle"
    for span in range(2):
        season.live(span, bundle)
    log = read_log(season.log)
    assert not log.rows.duplicated(["device", "time", "received"]).any()
    assert not log.decisions.duplicated(["device", "time"]).any()
    assert log.decisions["time"].min() >= season.moment(0) and log.decisions["time"].max() < season.moment(2)
    saved = sorted((tmp_path / "decisions").rglob("*.parquet"))
    before = [path.stat().st_mtime_ns for path in saved]
    never = season.worth([bundle, bundle])
    assert [path.stat().st_mtime_ns for path in saved] == before and len(saved) == 2
    events = log.labels[(log.labels["label"] == "failure") & (log.labels["from"] >= season.moment(0))]
    assert never.failures <= len(events[events["from"] < season.moment(2) + pd.Timedelta(days=1)])
    assert never.cost > 0 and never.spent[-1] == pytest.approx(never.cost)
