"""Which held-out devices are replayed: whole histories, evenly taken, within a bound of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.evaluate import epoch_seconds


def pick_names(counts: Mapping[str, int], most: int) -> list[str]:
    """Devices evenly taken in the order of their names, of at most `most` rows in all; one is always there.

    counts: device -> its rows. Asked again with those that were picked, it picks all of them.
    """
    names = sorted(counts)
    keep = max(1, int(len(names) * min(1.0, most / max(1, sum(counts.values())))))
    taken = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, keep).astype(int))]
    while len(taken) > 1 and sum(counts[name] for name in taken) > most:
        taken.pop()
    return taken


def count_rows(rows: pd.DataFrame, since: Mapping[str, float]) -> dict[str, int]:
    """device -> its rows (device, time) that count: those since the first that is asked about."""
    found = rows.loc[_counted(rows, since), "device"].value_counts()
    return {str(name): int(count) for name, count in found.items()}


def pick_devices(rows: pd.DataFrame, since: Mapping[str, float], most: int) -> tuple[pd.DataFrame, frozenset[str]]:
    """Histories of devices evenly taken in the order of their names, and those cut short; at most `most` rows count.

    since: device -> epoch seconds of its first row that counts; rows before it only build up the device's states. One
    device is always there, cut after `most` rows where it has more.
    """
    taken = pick_names(count_rows(rows, since), most)
    part = rows.assign(counted=_counted(rows, since))[rows["device"].isin(taken)]
    part = part.sort_values(["device", "received", "time"], kind="stable")
    before = (part["counted"].cumsum() <= most).to_numpy()
    return part[before].drop(columns="counted"), frozenset() if before.all() else frozenset(taken)


def _counted(rows: pd.DataFrame, since: Mapping[str, float]) -> NDArray[np.bool_]:
    counted: NDArray[np.bool_] = epoch_seconds(rows["time"]) >= rows["device"].map(since).to_numpy(dtype=np.float64)
    return counted
