"""Cumulative counters of sorted rows → increments, compiled; held equal to the device's `counters` by property tests.

The first row of a device in a part counts on from what its counter showed last in the parts before: see `chain`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from fleetloop_edge import counters
from pipelines.ingest.part_rows import PartRows
from pipelines.ingest.runs import TOTAL, Columns
from pipelines.ingest.state import COUNTER

Shown = Mapping[tuple[str, str], float]
"""What a counter showed last: by device and channel."""

_increment = njit(cache=True, nogil=True)(counters.increment)


def count(kept: PartRows, columns: Columns, carried: Shown) -> pd.DataFrame:
    """Put increments in the place of totals, and say what the counters did.

    A line a device and channel: readings; times that it began again past its end (rollovers) or from 0 (restarts);
    steps back that say nothing (turned); increments outside the channel's range, which are not kept (outside);
    and what it showed last (shown).

    kept: sorted; changed in place. carried: what counters showed before the part.
    """
    device = kept.keys["device"]
    starts = np.append(np.flatnonzero(np.diff(device, prepend=-1)), len(device)).astype(np.int64)
    names = pd.array([kept.devices[code] for code in device[starts[:-1]]], dtype="str")
    frames = []
    for counter in columns.counters:
        values = kept.values[columns.channels.index(counter.channel)]
        by_source = dict(counter.rollover)
        rollover = np.array([by_source.get(origin[0], 0.0) for origin in kept.origins])[kept.keys["origin"]]
        totals = kept.keys[f"{TOTAL}{counter.channel}"]
        shown = np.array([carried.get((name, counter.channel), np.nan) for name in names])
        found = _count(totals, kept.keys["time"], rollover, starts, counter.low, counter.high, shown, values)
        lines = pd.DataFrame(found, columns=COUNTER).assign(device=names, channel=counter.channel, shown=shown)
        frames.append(lines[lines["readings"] > 0])
    return pd.concat(frames, ignore_index=True)[["device", "channel", *COUNTER, "shown"]]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(
    totals: NDArray[np.float64], time: NDArray[np.int64], rollover: NDArray[np.float64], starts: NDArray[np.int64],
    low: float, high: float, shown: NDArray[np.float64], out: NDArray[np.float32],
) -> NDArray[np.int64]:  # fmt: skip
    """Writes increments to `out` where there are totals, and to `shown`, (D,), what each showed last; (D, COUNTER)."""
    found = np.zeros((len(starts) - 1, 5), dtype=np.int64)
    for d in range(len(starts) - 1):
        last = -1
        for i in range(starts[d], starts[d + 1]):
            if np.isnan(totals[i]):
                continue
            out[i] = np.nan
            found[d, 0] += 1
            if last >= 0 and time[i] <= time[last]:
                continue
            if not np.isnan(shown[d]):
                step, kind = _increment(shown[d], totals[i], rollover[i])
                if kind > 0:
                    found[d, kind] += 1
                if step < low or step > high:
                    found[d, 4] += 1
                else:
                    out[i] = step
            last, shown[d] = i, totals[i]
    return found
