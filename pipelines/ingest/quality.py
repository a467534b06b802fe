"""What the data are like, by channel and by device, from what is kept of every part: no row is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.ingest.by_cell import OUTSIDE, by_cell, cells_aside, worst
from pipelines.ingest.facts import GAP_BINS
from pipelines.ingest.report import channel_facts
from pipelines.ingest.state import read_state
from pipelines.params import DatasetSpec

CATEGORIES = 16
"""A channel of whole numbers only, within this range, looks like codes of categories."""
WORST = 20
"""Pairs of a channel and a device that are named; all of them are in cells.parquet."""
_SHOWN = ["channel", "device", "measured", "missing", OUTSIDE, "invalid", "longest_flat"]


def quality(tables: Path, dataset: DatasetSpec) -> dict[str, Any]:
    """channels: by name; devices: by name; gaps: how many of each length; warnings: sentences. All JSON types."""
    state, facts, cells = read_state(tables), channel_facts(tables), quality_cells(tables)
    aside = cells_aside(tables)
    devices = _with_counts(_devices(state["steps"], facts, dataset), cells, state["lost"])
    channels = {name: _channel(name, cells, aside, int(devices["rows"].sum())) for name in dataset.channels}
    found = {
        "channels": channels,
        "devices": {line.pop("device"): line for line in devices.to_dict("records")},
        "worst_cells": worst(cells, WORST)[_SHOWN].to_dict("records"),
        "gaps": _gaps(state["steps"], dataset.period_s),
    }
    events = pq.read_table(tables / "events.parquet", columns=["kind"]).to_pandas()["kind"]
    return found | {"warnings": warnings(dataset, devices, channels, events)}


def quality_cells(tables: Path) -> pd.DataFrame:
    """A line a channel and device: see `by_cell`."""
    rows = read_state(tables)["steps"].groupby("device")["rows"].sum()
    return by_cell(channel_facts(tables), cells_aside(tables), rows)


def _with_counts(devices: pd.DataFrame, cells: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """The devices, with their cells that were not believed and their rows that came twice or contradict."""
    counts = cells.groupby("device")[[OUTSIDE, "invalid"]].sum()
    counts = counts.join(lost.groupby("device")[["duplicates", "conflicts"]].sum(), how="outer")
    of_device = counts.reindex(devices["device"]).fillna(0).astype("int64")
    return devices.assign(**{str(name): of_device[name].to_numpy() for name in of_device})


def _channel(name: str, cells: pd.DataFrame, aside: pd.DataFrame, rows: int) -> dict[str, Any]:
    own, set_aside = cells[cells["channel"] == name], aside[aside["channel"] == name]
    outside = int(set_aside.loc[set_aside["rule"] == OUTSIDE, "cells"].sum())
    measured = int(own["measured"].sum())
    found: dict[str, Any] = {
        "measured": measured,
        "missing": rows - measured,
        "out_of_range": outside,
        "invalid": int(set_aside["cells"].sum()) - outside,
        "devices": int((own["measured"] > 0).sum()),
    }
    if measured:
        flattest = own.loc[own["longest_flat"] == own["longest_flat"].max(), "device"].min()
        whole = int(own["whole"].sum()) == measured
        spread = float(own["max"].max() - own["min"].min())
        found |= {"longest_flat": int(own["longest_flat"].max()), "flattest_device": str(flattest)}
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
    return said + _strange(channels)


def _strange(channels: dict[str, Any]) -> list[str]:
    """One sentence for each kind of strangeness, naming its channels."""
    kinds: dict[str, list[str]] = {}
    for name, found in channels.items():
        kind = "never" if not found["measured"] else "constant" if found["constant"] else "codes"
        if kind != "codes" or found["category_like"]:
            kinds.setdefault(kind, []).append(repr(name))
    words = {
        "never": "never measured; look at the mapping and at the cells in quarantine",
        "constant": "never changed; leave what is constant out of the features, or look at the sensor",
        "codes": "like codes of categories (whole numbers, few of them)",
    }
    return [
        f"{'channel' if len(kinds[kind]) == 1 else 'channels'} {', '.join(kinds[kind])}: {text}"
        for kind, text in words.items()
        if kind in kinds
    ]
