"""Channel by channel and device by device: what was measured, what is missing, what was not believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

OUTSIDE = "out_of_range"
_KEYS = ["channel", "device"]


def cells_aside(tables: Path) -> pd.DataFrame:
    """channel, device, rule, cells: of the quarantine; device "" where it is not known."""
    parts = sorted((tables / "quarantine" / "records").rglob("*.parquet"))
    columns = ["channel", "device", "rule"]
    frames = [pq.read_table(part, columns=columns, partitioning=None).to_pandas() for part in parts]
    every = pd.concat(frames or [pd.DataFrame({name: [] for name in columns})], ignore_index=True)
    every = every[every["channel"].notna()].fillna({"device": ""})
    found: pd.DataFrame = every.groupby(columns).size().rename("cells").reset_index()
    return found


def by_cell(facts: pd.DataFrame, aside: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    """A line a channel and device: measured, missing, out_of_range, invalid, longest_flat, whole, min, max.

    facts: lines of `facts.channel_facts`, those of a device in the order of its parts. aside: as `cells_aside` gives
    it. rows: of each device, by name.
    """
    groups = facts.assign(flat=joined_flat(facts)).groupby(_KEYS, sort=True, observed=True)
    named = {"measured": ("measured", "sum"), "longest_flat": ("flat", "max"), "whole": ("whole", "sum"),
             "min": ("min", "min"), "max": ("max", "max")}  # fmt: skip
    found = groups.agg(**named)
    known = aside[aside["device"] != ""]
    outside = known["rule"] == OUTSIDE
    for name, some in ((OUTSIDE, known[outside]), ("invalid", known[~outside])):
        counted = some.groupby(_KEYS)["cells"].sum()
        found = found.join(counted.rename(name), how="outer")
    found = found.reset_index()
    whole = ["measured", "longest_flat", "whole", OUTSIDE, "invalid"]
    found[whole] = found[whole].fillna(0).astype("int64")
    found["missing"] = found["device"].map(rows).fillna(0).astype("int64") - found["measured"]
    return found


def joined_flat(facts: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(n,) the longest run of one value that ends in each line's part, begun in it or before it, rows."""
    flat = facts["flat"].to_numpy(dtype=np.int64).copy()
    order = np.lexsort((np.arange(len(facts)), facts["device"].astype("str"), facts["channel"].astype("str")))
    head, tail, measured = (facts[name].to_numpy()[order] for name in ("head", "tail", "measured"))
    same = np.zeros(len(facts), dtype=np.bool_)
    for name in _KEYS:
        words = facts[name].astype("str").to_numpy()[order]
        same[1:] = (words[1:] == words[:-1]) & (same[1:] | (name == _KEYS[0]))
    same[1:] &= facts["head_value"].to_numpy()[order][1:] == facts["tail_value"].to_numpy()[order][:-1]
    open_run = tail.astype(np.int64).copy()
    for i in np.flatnonzero(same).tolist():
        run = int(open_run[i - 1] + head[i])
        flat[order[i]] = max(int(flat[order[i]]), run)
        if head[i] == measured[i]:  # the whole part is of that value
            open_run[i] = run
    return flat


def worst(cells: pd.DataFrame, most: int) -> pd.DataFrame:
    """The lines with the most that is missing or not believed."""
    bad = cells["missing"] + cells[OUTSIDE] + cells["invalid"]
    order = np.lexsort((cells["device"], cells["channel"], -bad.to_numpy()))
    found: pd.DataFrame = cells.iloc[order[:most]]
    return found[bad.iloc[order[:most]].to_numpy() > 0]
