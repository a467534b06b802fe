"""What is known of a part without reading its rows again: counts by file, statistics, gaps, changes, last rows.

Every table has one line a device (and channel, or file) and part; lines of several parts are joined by `figures`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ingest import schema
from pipelines.ingest.part_rows import PartRows

GAP_BINS = 16
"""Gaps by length: bin b holds those of 1.5 x 2^b periods up to twice that; the last all longer ones."""

COUNTS = ("source", "file", "kept", "dropped")
ABOUT = ("device", "from", "site", "vendor", "firmware")


def counts(kept: PartRows, spare: PartRows) -> pd.DataFrame:
    """source, file, kept, dropped: rows of each raw file."""
    rows = [np.bincount(some.keys["origin"], minlength=len(kept.origins)) for some in (kept, spare)]
    total: dict[tuple[str, str], NDArray[np.int64]] = {}
    for origin, *own in zip(kept.origins, *rows, strict=True):
        total[origin[:2]] = total.get(origin[:2], 0) + np.array(own)
    lines = [(*file, *total[file]) for file in sorted(total)]
    return pd.DataFrame(lines, columns=COUNTS)


def about(kept: PartRows) -> pd.DataFrame:
    """device, from, site, vendor, firmware: a line a device, and one more at each change. kept: sorted."""
    told = [origin[2:] for origin in kept.origins]
    distinct = {words: code for code, words in enumerate(dict.fromkeys(told))}
    said = np.array([distinct[words] for words in told], dtype=np.int32)[kept.keys["origin"]]
    device = kept.keys["device"]
    changed = np.ones(len(said), dtype=np.bool_)
    changed[1:] = (said[1:] != said[:-1]) | (device[1:] != device[:-1])
    lines = np.flatnonzero(changed)
    words = list(distinct)
    columns: dict[str, object] = {
        "device": _names(kept, device[lines]),
        "from": schema.utc(kept.keys["time"][lines]),
    }
    for i, name in enumerate(ABOUT[2:]):
        columns[name] = pd.array([words[code][i] for code in said[lines]], dtype="str")
    return pd.DataFrame(columns)


def last(kept: PartRows) -> pd.DataFrame:
    """device, source, time, received: the last row of each device and source. kept: sorted."""
    sources = sorted({origin[0] for origin in kept.origins})
    source = np.array([sources.index(origin[0]) for origin in kept.origins], dtype=np.int64)[kept.keys["origin"]]
    at = np.full(len(kept.devices) * len(sources), -1, dtype=np.int64)
    at[kept.keys["device"] * len(sources) + source] = np.arange(len(kept))  # of several, the last one stands
    key = np.flatnonzero(at >= 0)
    rows = at[key]
    return pd.DataFrame(
        {
            "device": _names(kept, kept.keys["device"][rows]),
            "source": pd.array([sources[code] for code in key % len(sources)], dtype="str"),
            "time": schema.utc(kept.keys["time"][rows]),
            "received": schema.utc(kept.keys["received"][rows]),
        }
    )


def steps(kept: PartRows, period_s: float) -> pd.DataFrame:
    """One line a device: rows, first, last, and how its clock went. kept: sorted.

    steps: between rows of different times, up to 1.5 periods; their mean and m2 (sum of squared deviations) in
    seconds. gaps: longer ones, with longest and total in seconds, and `gap_<b>`: how many in each bin. turned: rows
    received before one that was measured earlier. delay_min, _mean, _max: received less time, seconds.
    """
    from pipelines.ingest import fact_kernels as kernels  # numba: only where it computes

    starts = _starts(kept)
    found = kernels.steps(kept.keys["time"], kept.keys["received"], starts, int(period_s * 1e6), GAP_BINS)
    columns: dict[str, object] = {
        "device": _names(kept, np.flatnonzero(np.diff(starts))),
        "rows": np.diff(starts),
        "first": schema.utc(kept.keys["time"][starts[:-1]]),
        "last": schema.utc(kept.keys["time"][starts[1:] - 1]),
    }
    names = [*kernels.STEP_COLUMNS, *(f"gap_{b}" for b in range(GAP_BINS))]
    whole = {"steps", "gaps", "turned", *names[-GAP_BINS:]}
    columns |= {name: found[:, i].astype(np.int64) if name in whole else found[:, i] for i, name in enumerate(names)}
    return pd.DataFrame(columns)


def channel_facts(kept: PartRows, channels: tuple[str, ...]) -> pa.Table:
    """One line a channel and device that measured it: see `fact_kernels.channel`. kept: sorted."""
    from pipelines.ingest import fact_kernels as kernels  # numba: only where it computes

    starts = _starts(kept)
    found = np.stack([kernels.channel(values, starts) for values in kept.values])  # (C, D, columns)
    channel, device = np.nonzero(found[:, :, 0])
    lines = found[channel, device]
    columns: dict[str, object] = {
        "channel": pa.DictionaryArray.from_arrays(channel.astype(np.int32), pa.array(channels, pa.string())),
        "device": pa.array(_names(kept, device), pa.string()),
    }
    columns |= {
        column: lines[:, i].astype(np.int64) if column in kernels.WHOLE_COLUMNS else lines[:, i]
        for i, column in enumerate(kernels.CHANNEL_COLUMNS)
    }
    return pa.table(columns)


def _starts(kept: PartRows) -> np.ndarray:
    """(D + 1,) where each device's rows begin; every device has some."""
    device = kept.keys["device"]
    starts: np.ndarray = np.append(np.flatnonzero(np.diff(device, prepend=-1)), len(device)).astype(np.int64)
    return starts


def _names(kept: PartRows, codes: np.ndarray) -> np.ndarray:
    names: np.ndarray = np.asarray(kept.devices, dtype=object)[codes]
    return names
