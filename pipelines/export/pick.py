"""Which held-out devices are replayed: whole histories, evenly taken, within a bound of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipelines.evaluate import epoch_seconds


def pick_devices(rows: pd.DataFrame, since: Mapping[str, float], most: int) -> tuple[pd.DataFrame, frozenset[str]]:
    """Histories of devices evenly taken in the order of their names, and those cut short; at most `most` rows count.

    since: device -> epoch seconds of its first row that counts; rows before it only build up the device's states. One
    device is always there, cut after `most` rows where it has more.
    """
    counted = epoch_seconds(rows["time"]) >= rows["device"].map(since).to_numpy(dtype=np.float64)
    counts = rows[counted].groupby("device").size()
    names = sorted(counts.index)
    keep = max(1, int(len(names) * min(1.0, most / max(1, int(counts.sum())))))
    taken = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, keep).astype(int))]
    while len(taken) > 1 and counts[taken].sum() > most:
        taken.pop()
    part = rows.assign(counted=counted)[rows["device"].isin(taken)]
    part = part.sort_values(["device", "received", "time"], kind="stable")
    before = (part["counted"].cumsum() <= most).to_numpy()
    return part[before].drop(columns="counted"), frozenset() if before.all() else frozenset(taken)
