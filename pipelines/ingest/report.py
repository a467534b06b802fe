"""The ingest report, from what is kept of every part: no row is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingest.account import accounting
from pipelines.ingest.clocks import ahead
from pipelines.ingest.part import FACTS
from pipelines.ingest.state import COUNTER, read_state
from pipelines.params import DatasetSpec


def report(tables: Path, dataset: DatasetSpec) -> dict[str, Any]:
    """Records in and where they went; rows, devices and events; clocks that are off; statistics by channel."""
    state = read_state(tables)
    counts = accounting(pq.read_table(tables / "files.parquet").to_pandas())
    steps = state["steps"]
    rows = int(steps["rows"].sum())
    found: dict[str, Any] = {
        "rows": rows,
        "devices": int(steps["device"].nunique()),
        "events": pq.read_metadata(tables / "events.parquet").num_rows,
    }
    found["clocks"] = _clocks(steps, dataset.period_s)
    found["clock_jumps"] = _jumps(state["jumps"])
    if len(state["counters"]):
        found["counters"] = _counters(state["counters"])
    return counts | found | {"channels": _channels(channel_facts(tables), tuple(dataset.channels), rows)}


def _clocks(steps: pd.DataFrame, period_s: float) -> dict[str, float]:
    """Devices whose clock is a period or more ahead of the fleet's (behind: negative), seconds."""
    off = ahead(steps)
    return {str(device): round(float(by), 3) for device, by in off[off.abs() >= period_s].items()}


def _jumps(jumps: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Of each device whose clock jumped: when, and by how many seconds (ahead: positive). Nothing is corrected."""
    lines: list[Any] = list(jumps.itertuples())
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line.device, []).append({"at": line.at.isoformat(), "by_s": round(line.by, 3)})
    return found


def _counters(counters: pd.DataFrame) -> dict[str, dict[str, int]]:
    """What the cumulative counters of each channel did, and on how many devices they began again."""
    again = counters.assign(devices_restarted=counters["restarts"] > 0)
    per_device = again.groupby(["channel", "device"]).agg(dict.fromkeys(COUNTER, "sum") | {"devices_restarted": "max"})
    sums = per_device.groupby("channel").sum()
    return {
        str(line.pop("channel")): {str(n): int(v) for n, v in line.items()}
        for line in sums.reset_index().to_dict("records")
    }


def channel_facts(tables: Path) -> pd.DataFrame:
    """The lines of `facts.channel_facts` of every part."""
    files = sorted((tables / FACTS).rglob("*.parquet"))
    frame: pd.DataFrame = pa.concat_tables([pq.read_table(f, partitioning=None) for f in files]).to_pandas()
    return frame


def _channels(facts: pd.DataFrame, channels: tuple[str, ...], rows: int) -> dict[str, Any]:
    """For each channel of the accepted rows: share missing, mean, sd, min, max; null where nothing was measured."""
    found = {}
    for name in channels:
        own = facts[facts["channel"] == name]
        count = int(own["measured"].sum())
        named: dict[str, float | None] = dict.fromkeys(("mean", "sd", "min", "max"))
        if count:
            weight, mean = own["measured"].to_numpy(), own["mean"].to_numpy()
            whole = float((weight * mean).sum() / count)
            spread = float((own["m2"].to_numpy() + weight * np.square(mean - whole)).sum() / count)
            figures = (whole, np.sqrt(spread), own["min"].min(), own["max"].max())
            named = {key: float(f"{value:.9g}") for key, value in zip(named, figures, strict=True)}
        found[name] = {"missing_share": round(1 - count / max(rows, 1), 9), **named}
    return found
