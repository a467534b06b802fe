"""What the data are like, by channel and by device, from what is kept of every part: no row is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.ingest.facts import GAP_BINS
from pipelines.ingest.report import channel_facts
from pipelines.ingest.state import read_state
from pipelines.params import DatasetSpec

CATEGORIES = 16
"""A channel of whole numbers only, within this range, looks like codes of categories."""
_OUT_OF_RANGE = "out_of_range"


def quality(tables: Path, dataset: DatasetSpec) -> dict[str, Any]:
    """channels: by name; devices: by name; gaps: how many of each length; warnings: sentences. All JSON types."""
    state, facts = read_state(tables), channel_facts(tables)
    aside = _cells_aside(tables)
    devices = _devices(state["steps"], facts, dataset)
    channels = {name: _channel(name, facts, aside, int(devices["rows"].sum())) for name in dataset.channels}
    found = {
        "channels": channels,
        "devices": {line.pop("device"): line for line in devices.to_dict("records")},
        "gaps": _gaps(state["steps"], dataset.period_s),
    }
    events = pq.read_table(tables / "events.parquet", columns=["kind"]).to_pandas()["kind"]
    return found | {"warnings": warnings(dataset, devices, channels, events)}


def _cells_aside(tables: Path) -> pd.DataFrame:
    """channel, rule, cells of the quarantine."""
    parts = sorted((tables / "quarantine" / "records").rglob("*.parquet"))
    frames = [pq.read_table(part, columns=["channel", "rule"], partitioning=None).to_pandas() for part in parts]
    every = pd.concat(frames or [pd.DataFrame({"channel": [], "rule": []})], ignore_index=True)
    found: pd.DataFrame = every.dropna().groupby(["channel", "rule"]).size().rename("cells").reset_index()
    return found


def _channel(name: str, facts: pd.DataFrame, aside: pd.DataFrame, rows: int) -> dict[str, Any]:
    own, set_aside = facts[facts["channel"] == name], aside[aside["channel"] == name]
    outside = int(set_aside.loc[set_aside["rule"] == _OUT_OF_RANGE, "cells"].sum())
    measured = int(own["measured"].sum())
    found: dict[str, Any] = {
        "measured": measured,
        "missing": rows - measured,
        "out_of_range": outside,
        "invalid": int(set_aside["cells"].sum()) - outside,
        "devices": int(own["device"].nunique()),
    }
    if measured:
        flattest = own.loc[own["flat"] == own["flat"].max(), "device"].min()
        whole = int(own["whole"].sum()) == measured
        spread = float(own["max"].max() - own["min"].min())
        found |= {"longest_flat": int(own["flat"].max()), "flattest_device": str(flattest)}
        found |= {"category_like": whole and spread < CATEGORIES, "constant": spread == 0}
    return found


def _devices(steps: pd.DataFrame, facts: pd.DataFrame, dataset: DatasetSpec) -> pd.DataFrame:
    """One line a device, its parts joined in the order of time."""
    ordered = steps.sort_values(["device", "first"], kind="stable")
    between = (ordered["first"] - ordered.groupby("device")["last"].shift()).dt.total_seconds()
    long = between > 1.5 * dataset.period_s  # a silence from one part to the next
    ordered = ordered.assign(
        gaps=ordered["gaps"] + long,
        gap_total=ordered["gap_total"] + between.where(long, 0.0),
        gap_longest=np.fmax(ordered["gap_longest"], between.where(long, 0.0)),
        weighted=ordered["steps"] * ordered["step_mean"],
        squares=ordered["step_m2"] + ordered["steps"] * ordered["step_mean"] ** 2,
        delayed=ordered["rows"] * ordered["delay_mean"],
    )
    sums = ["rows", "gaps", "gap_total", "steps", "weighted", "squares", "turned", "delayed"]
    groups = ordered.groupby("device", sort=True)
    total = groups[sums].sum()
    count = total["steps"].clip(lower=1)
    period = total["weighted"] / count
    measured = facts.groupby("device")["measured"].sum().reindex(total.index, fill_value=0)
    span = (groups["last"].max() - groups["first"].min()).dt.total_seconds()
    return pd.DataFrame(
        {
            "device": total.index,
            "rows": total["rows"],
            "days": _rounded(span / 86_400),
            "missing_share": _rounded(1 - measured / (total["rows"] * max(len(dataset.channels), 1))),
            "gaps": total["gaps"],
            "gap_longest_s": _rounded(groups["gap_longest"].max()),
            "gap_total_s": _rounded(total["gap_total"]),
            "period_s": _rounded(period),
            "jitter_s": _rounded(np.sqrt((total["squares"] / count - period**2).clip(lower=0))),
            "turned": total["turned"],
            "delay_s": _rounded(total["delayed"] / total["rows"]),
            "ahead_s": _rounded((-groups["delay_min"].min()).clip(lower=0)),
            "short": total["rows"] < dataset.enough.rows_a_device,
        }
    ).reset_index(drop=True)


def _rounded(values: pd.Series) -> pd.Series:
    found: pd.Series = values.astype("float64").round(6)
    return found


def _gaps(steps: pd.DataFrame, period_s: float) -> list[dict[str, Any]]:
    """How many silences of each length; those between two parts are not among them."""
    counts = [int(steps[f"gap_{b}"].sum()) for b in range(GAP_BINS)]
    return [{"from_s": 1.5 * period_s * 2**b, "gaps": count} for b, count in enumerate(counts)]


def warnings(dataset: DatasetSpec, devices: pd.DataFrame, channels: dict[str, Any], events: pd.Series) -> list[str]:
    """Why too little can be learnt from these data, and how much would do; what looks strange."""
    enough, said = dataset.enough, []
    if len(devices) < enough.devices:
        said.append(f"{len(devices)} devices are too few to hold some back for a test; {enough.devices} would do")
    short = int(devices["short"].sum())
    if short:
        said.append(
            f"{short} of {len(devices)} devices have a short history, below {enough.rows_a_device} rows; "
            f"that is {enough.rows_a_device * dataset.period_s / 86_400:.3g} days each"
        )
    failures = int((events == "failure").sum())
    if len(events) and failures < enough.failures:
        said.append(
            f"{failures} failures are too few to learn from; {enough.failures} would do, {enough.failures - failures} "
            f"more (of {max(len(devices), 1)} devices so far)"
        )
    for name, found in channels.items():
        if not found["measured"]:
            said.append(f"channel {name!r} was never measured; look at its mapping and at its cells in quarantine")
        elif found["constant"]:
            said.append(f"channel {name!r} never changed; leave it out of the features, or look at the sensor")
        elif found["category_like"]:
            said.append(f"channel {name!r} looks like codes of categories (whole numbers, few of them)")
    return said
