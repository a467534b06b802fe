"""The fleet's field log, week by week: what arrived since, decided by the bundle that was on the devices then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from pipelines.ingest import read_rows_from, write_rows
from pipelines.params import Storage
from pipelines.watch import FieldLog, read_log, score, write_log

BESIDE = ("events.parquet", "labels.parquet", "devices.parquet")


def decide(bundle: Path, tables: Path, since: pd.Timestamp, until: pd.Timestamp, warm_s: float, scratch: Path) -> Path:
    """A field log of `bundle` over rows of since <= time < until; its folder.

    tables: of ingest. warm_s: seconds of history before `since` that fill the windows; nothing is decided on them.
    """
    rows = read_rows_from(tables)
    begin = since - pd.Timedelta(seconds=warm_s)
    kept = rows[(rows["time"] >= begin) & (rows["time"] < until)]
    part = scratch / "tables"
    shutil.rmtree(part, ignore_errors=True)
    channels = tuple(name for name in rows.columns if name not in ("device", "time", "received"))
    write_rows(part / "rows", kept, channels, Storage(buckets=1, span="all"))
    for name in BESIDE:
        if (tables / name).is_file():
            shutil.copyfile(tables / name, part / name)
    log = scratch / "log"
    score(bundle, part, log, by="batch")
    found = read_log(log)
    fresh = {name: _within(getattr(found, name), since, until) for name in ("rows", "decisions", "heartbeats")}
    write_log(log, FieldLog(**fresh, labels=found.labels, devices=found.devices), channels, {"bundle": bundle.name})
    return log


def extend_log(log: Path, newer: Path) -> None:
    """Append a log that begins where `log` ends; labels and devices are the newer one's, which knows more."""
    after = read_log(newer)
    before = read_log(log) if log.is_dir() else None
    joined = {
        name: pd.concat([getattr(before, name), getattr(after, name)], ignore_index=True)
        if before is not None
        else getattr(after, name)
        for name in ("rows", "decisions", "heartbeats")
    }
    channels = tuple(name for name in after.rows.columns if name not in ("device", "time", "received"))
    write_log(log, FieldLog(**joined, labels=after.labels, devices=after.devices), channels, {"format": 1})


def _within(frame: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
    """A row shortly before `until` may belong to the slot that begins there: the next part decides on it."""
    return frame[(frame["time"] >= since) & (frame["time"] < until)].reset_index(drop=True)
