"""The device's runtime over history: rows in, a field log out."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from fleetloop_edge.decide import ABSTAIN, NONE, Decision
from fleetloop_edge.errors import BundleRejected
from pipelines.errors import DataError
from pipelines.files import read_table
from pipelines.ingest import read_rows_from
from pipelines.progress import Shown, unseen
from pipelines.watch.field_log import DEVICES, LABELS, FieldLog, write_log

MAKES_ROWS = "fleetloop stage ingest DATASET"


@dataclass(frozen=True)
class ScoreSummary:
    """What a replay came to."""

    use_case: str
    devices: int
    rows: int
    decisions: int
    actions: int
    abstained: int
    fallback: int
    labels: int
    by: str

    def __str__(self) -> str:
        return (
            f"{self.use_case}: {self.rows:,} rows of {self.devices} devices by {self.by}: "
            f"{self.decisions:,} decisions, {self.actions:,} ask for action, {self.abstained:,} abstain, "
            f"{self.fallback:,} by the fallback; {self.labels} labels"
        )


def score(
    bundle: Path, rows: Path, log: Path, by: Literal["row", "batch"] = "row", shown: Shown = unseen
) -> ScoreSummary:
    """Let a bundle decide over history and write the field log that a fleet would have sent.

    bundle: its folder. rows: a tables folder of ingest (its events and labels become the log's labels), a folder of
    rows, or one Parquet file of them. log: the folder to write. shown: draws progress. Raises DataError.
    """
    from fleetloop_edge.bundle import load  # onnxruntime: only where it computes
    from pipelines.watch.decide import by_batch, by_row

    try:
        loaded = load(bundle)
    except BundleRejected as error:
        raise DataError(f"the bundle is rejected: {error}; make it anew with `dvc repro export@USE_CASE`") from None
    manifest = loaded.manifest
    history = _read_rows(rows, manifest.features.channels)
    events = _read_events(rows)
    decided = by_row(loaded, history, events, shown) if by == "row" else by_batch(loaded, history, events, shown)
    decisions = as_table(decided, loaded.id)
    labels = _read_labels(rows, history["received"].max())
    beats, table = heartbeats(history, decisions, manifest.fallback), _read_devices(rows)
    found = FieldLog(history, decisions, beats, labels, table)
    channels = tuple(name for name in history.columns if name not in ("device", "time", "received"))
    write_log(log, found, channels, {"format": 1, "use_case": manifest.use_case, "bundle": loaded.id})
    asked = ~decisions["action"].isin([NONE, ABSTAIN])
    return ScoreSummary(
        manifest.use_case,
        devices=int(history["device"].nunique()),
        rows=len(history),
        decisions=len(decisions),
        actions=int(asked.sum()),
        abstained=int((decisions["action"] == ABSTAIN).sum()),
        fallback=int((decisions["model"] == manifest.fallback).sum()),
        labels=len(labels),
        by=by,
    )


def as_table(decisions: list[Decision], bundle: str) -> pd.DataFrame:
    """Decisions as the log holds them."""
    names = [field.name for field in dataclasses.fields(Decision)]
    frame = pd.DataFrame([[getattr(d, name) for name in names] for d in decisions], columns=names)
    for name in ("time", "received"):
        micro = (frame[name].astype("float64") * 1e6).round().astype("int64")
        frame[name] = pd.to_datetime(micro, unit="us", utc=True).astype("datetime64[us, UTC]")
    return frame.assign(bundle=bundle)


def heartbeats(rows: pd.DataFrame, decisions: pd.DataFrame, fallback: str | None) -> pd.DataFrame:
    """One heartbeat a device and day, as of its last receipt. Nothing is measured in a replay: latency is NaN."""
    day = [rows["device"], rows["received"].dt.floor("D")]
    beats = rows.groupby(day, sort=True).agg(rows=("time", "size"), time=("received", "max"))
    said = decisions.assign(abstained=decisions["action"] == ABSTAIN, fallback=decisions["model"] == fallback)
    by_day = said.groupby([said["device"], said["received"].dt.floor("D")], sort=True)
    counts = by_day.agg(decisions=("time", "size"), abstained=("abstained", "sum"), fallback=("fallback", "sum"))
    beats = beats.join(counts, how="left").fillna({"decisions": 0, "abstained": 0, "fallback": 0})
    beats = beats.reset_index(level=0).reset_index(drop=True)
    started = rows.groupby("device")["received"].min()
    names = ("rows", "decisions", "abstained", "fallback")
    totals = beats.groupby("device")[list(names)].cumsum().astype("int64")
    counters = [json.dumps(dict(zip(names, line, strict=True))) for line in totals.itertuples(index=False)]
    return beats.assign(
        received=beats["time"],
        uptime=(beats["time"] - beats["device"].map(started)).dt.total_seconds(),
        latency=float("nan"),
        queue=0,
        bundle=decisions["bundle"].iloc[0] if len(decisions) else "",
        counters=counters,
    )


def _read_rows(path: Path, channels: tuple[str, ...]) -> pd.DataFrame:
    rows = read_table(path, MAKES_ROWS) if path.is_file() else read_rows_from(path)
    absent = [name for name in ("device", "time", "received", *channels) if name not in rows]
    if absent:
        raise DataError(f"{path} has no column {absent[0]!r}, which the bundle needs; are these rows of its dataset?")
    if rows.empty:
        raise DataError(f"{path} holds no rows; make them with `{MAKES_ROWS}`")
    return rows.sort_values(["device", "time", "received"], kind="stable", ignore_index=True)


def _read_devices(rows: Path) -> pd.DataFrame:
    """Who the devices are, where it stands beside the rows."""
    if (rows / "devices.parquet").is_file():
        found: pd.DataFrame = read_table(rows / "devices.parquet", MAKES_ROWS)[DEVICES.names]
        return found
    empty: pd.DataFrame = DEVICES.empty_table().to_pandas()
    return empty


def _read_events(rows: Path) -> pd.DataFrame | None:
    """The events that stand beside the rows."""
    path = rows / "events.parquet"
    return read_table(path, MAKES_ROWS) if path.is_file() else None


def _read_labels(rows: Path, until: Any) -> pd.DataFrame:
    """Labels, and events as labels, where they stand beside the rows; those received by the log's end."""
    parts = []
    events = _read_events(rows)
    if events is not None:
        parts.append(events.rename(columns={"kind": "label", "time": "from"}).assign(to=events["time"], by="events"))
    if (rows / "labels.parquet").is_file():
        parts.append(read_table(rows / "labels.parquet", MAKES_ROWS))
    parts = [part[LABELS.names] for part in parts if len(part)]
    if not parts:
        empty: pd.DataFrame = LABELS.empty_table().to_pandas()
        return empty
    labels: pd.DataFrame = pd.concat(parts, ignore_index=True)
    known: pd.DataFrame = labels[labels["received"] <= until].reset_index(drop=True)
    return known
