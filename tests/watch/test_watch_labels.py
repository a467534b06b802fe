"""A log's rows, and its labels: they count from when they were received."""

from dataclasses import replace

import pandas as pd
import pytest

from pipelines.tasks import FailureWithinHorizon
from pipelines.watch import read_log, score, write_log
from pipelines.watch.log_frames import open_log
from tests.builders.bundles import CHANNELS, FEATURES, write_bundle
from tests.builders.fleets import pump_rows

TASK = FailureWithinHorizon(horizon=12, healthy_beyond=24)
FAILED, TOLD = (pd.Timestamp(day, tz="UTC") for day in ("2026-02-05T12:00", "2026-02-07T12:00"))


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Ten days of two devices; that one failed on the fifth is told two days later."""
    folder = tmp_path_factory.mktemp("labels")
    pump_rows(2, 240, "2026-02-01").to_parquet(folder / "rows.parquet", index=False)
    score(write_bundle(folder / "bundle"), folder / "rows.parquet", folder / "LOG", by="batch")
    label = {"device": "pump-00", "from": FAILED, "to": FAILED, "label": TASK.failure, "received": TOLD, "by": "ann"}
    labels = pd.DataFrame([label]).astype(dict.fromkeys(("from", "to", "received"), "datetime64[us, UTC]"))
    write_log(folder / "LOG", replace(read_log(folder / "LOG"), labels=labels), ("pressure", "flow"), {"format": 1})
    return folder / "LOG"


def targets(log, moment: str) -> pd.Series:
    """Of pump-00 in the twelve hours before it failed, as known at a moment."""
    frame = open_log(log, FEATURES, CHANNELS, TASK, pd.Timestamp(moment, tz="UTC")).of(["pump-00"])
    near = (frame["time"] < FAILED) & (frame["time"] >= FAILED - pd.Timedelta(hours=11))
    return frame.loc[near, "target"]


def test_a_label_counts_once_it_was_received_and_not_before(log):
    assert len(targets(log, "2026-02-07T06:00")) == 11
    assert not (targets(log, "2026-02-07T06:00") == 1).any()
    assert (targets(log, "2026-02-07T18:00") == 1).all()


def test_that_nothing_happened_is_believed_only_after_the_usual_delay_of_labels(log):
    open_ = open_log(log, FEATURES, CHANNELS, TASK)
    frame = open_.of(["pump-01"])
    settled = frame.loc[frame["target"].notna(), "time"].max()
    assert open_.delay == pytest.approx(48.0)
    assert (frame["target"].dropna() == 0).all()
    assert open_.moment - settled == pytest.approx(pd.Timedelta(hours=60), abs=pd.Timedelta(hours=1))


def test_rows_of_some_devices_are_sorted_though_their_buckets_are_not(tmp_path):
    pump_rows(12, 24, "2026-02-01").to_parquet(tmp_path / "rows.parquet", index=False)
    score(write_bundle(tmp_path / "bundle"), tmp_path / "rows.parquet", tmp_path / "LOG", by="batch")
    frame = open_log(tmp_path / "LOG", FEATURES, CHANNELS, TASK).of([f"pump-{d:02d}" for d in range(3, 12)])
    assert frame["device"].nunique() == 9
    assert frame["device"].is_monotonic_increasing
