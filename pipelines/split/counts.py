"""How many devices, rows and failures each side has: in all, and device by device."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.split.placed import EMBARGO, UNUSED
from pipelines.split.sides import SIDES

OF_DEVICE = ["device", "side", "given", "valid", "from", "until", "rows", "rows_known", "failures"]


def device_table(targets: pd.DataFrame, sides: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """A line for each stretch of one side of a device, by device and time; its columns are OF_DEVICE.

    targets: a line a row, with its side. failures: device, time; each counts for the side of the last row before it.
    A device without rows keeps its line.
    """
    place = targets[["device", "side", "valid"]]
    changed = (place != place.shift()).any(axis=1)
    rows = targets.assign(known=np.isfinite(targets["target"]), stretch=changed.cumsum())
    table = rows.groupby("stretch", sort=True).agg(
        **{"from": ("time", "min"), "until": ("time", "max"), "rows": ("time", "size"), "rows_known": ("known", "sum")},
        device=("device", "first"),
        side=("side", "first"),
        valid=("valid", "any"),
    )
    table["failures"] = _stretch_of(failures, rows).value_counts()
    table = table.merge(sides[["device", "given"]], on="device", how="left")
    silent = sides.loc[~sides["device"].isin(table["device"]), ["device", "side", "given", "valid"]]
    if len(silent):
        table = pd.concat([table, silent], ignore_index=True)
    whole = {name: table[name].fillna(0).astype("int64") for name in ("rows", "rows_known", "failures")}
    table = table.assign(**whole, valid=table["valid"].astype(bool), given=table["given"].astype(bool))
    return table.sort_values(["device", "from"], kind="stable", ignore_index=True)[OF_DEVICE]


def _stretch_of(failures: pd.DataFrame, rows: pd.DataFrame) -> pd.Series[int]:
    """The stretch in which each failure falls, those before a device's first row left out."""
    left = failures[["device", "time"]].sort_values("time", kind="stable")
    right = rows[["device", "time", "stretch"]].sort_values("time", kind="stable")
    return pd.merge_asof(left, right, on="time", by="device")["stretch"].dropna().astype("int64")


def side_counts(targets: pd.DataFrame, table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """By side, for the part of train that only draws curves, and for what no side has: devices, rows, failures."""
    parts = {side: targets["side"] == side for side in SIDES} | {"valid": targets["valid"]}
    parts |= {name: targets["side"] == name for name in (EMBARGO, UNUSED) if (targets["side"] == name).any()}
    failures = table.groupby("side")["failures"].sum().to_dict()
    failures["valid"] = table.loc[table["valid"], "failures"].sum()
    counts = {}
    for name, chosen in parts.items():
        part = targets[chosen]
        counts[name] = {
            "devices": int(part["device"].nunique()),
            "rows": len(part),
            "rows_known": int(np.isfinite(part["target"]).sum()),
            "rows_healthy": int(part["healthy"].sum()),
            "failures": int(failures.get(name, 0)),
        }
    return counts
