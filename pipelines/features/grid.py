"""Rows to a regular, cleaned grid: the batch form of `fleetloop_edge.grid`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.events import NEVER, known_from
from fleetloop_edge.grid import microseconds, spans
from fleetloop_edge.spec import Channel, FeatureSpec

MICROSECONDS = pd.DatetimeTZDtype("us", "UTC")


@dataclass(frozen=True)
class GridCount:
    """What became of the rows, to the row: rows = used + late + early + silent."""

    rows: int
    used: int
    late: int
    early: int
    silent: int  # without a value in the channels of the features, or rejected by the data contract
    slots: int  # emitted
    held: int  # of them without any measured value
    spikes: int  # cells


def build_grid(
    rows: pd.DataFrame,
    rejected: pd.DataFrame,
    spec: FeatureSpec,
    channels: Sequence[Channel],
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The grid of every device, sorted by device and time: what GridState gives if rows come in order of receipt.

    rows: device, time, received (UTC), the spec's channels. rejected: device, time of rows that carry nothing. events:
    device, time, received, kind, where the spec asks for any.
    Returns device, time (slot start), received (when it may be known), segment, run (rows since the segment began,
    from 1), generation (counts resets, from 0), age (periods since the life began, from 1), `since.<event>` (float32),
    the channels (float32) and `<channel>.measured` (bool).
    """
    return grid_and_count(rows, rejected, spec, channels, events)[0]


def grid_and_count(
    rows: pd.DataFrame,
    rejected: pd.DataFrame,
    spec: FeatureSpec,
    channels: Sequence[Channel],
    events: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, GridCount]:
    """`build_grid`, and the account of its rows."""
    from pipelines.features import grid_kernels as kernels  # numba: only where it computes

    hampel = kernels.Hampel(*_hampel(spec, channels))
    bounds = kernels.Bounds(microseconds(spec.period_s), microseconds(spec.late_s), spec.fill)
    refused = _among(rows, rejected)
    codes, names = pd.factorize(rows["device"], sort=True)
    device = codes.astype(np.int64)
    time, received = whole_microseconds(rows["time"]), whole_microseconds(rows["received"])
    values = rows[list(spec.channels)].to_numpy(dtype=np.float32, copy=True)
    values[refused] = np.nan
    order = np.lexsort((received, time, device))
    heard = kernels.hear(device[order], time[order], received[order], values[order], bounds)
    clock = np.full(len(names), kernels.LONG_AGO, dtype=np.int64)
    np.maximum.at(clock, device, received)
    closed = (clock - bounds.late - 1) // bounds.period - 1
    held = kernels.held_after(heard, closed, spec.fill)
    n = len(held) + int(held.sum())
    keys = np.empty((n, 6), dtype=np.int64)
    cells, measured = np.empty((n, values.shape[1]), dtype=np.float32), np.empty((n, values.shape[1]), dtype=np.bool_)
    begun = kernels.newest_event(heard.device, heard.slot, _events(events, names, spec.reset, spec))
    kernels.emit(heard, begun, held, spec.fill, hampel, keys, cells, measured)
    since = {}
    for kind in dict.fromkeys(spec.since):
        newest = kernels.newest_event(keys[:, 0], keys[:, 1], _events(events, names, (kind,), spec))
        since[f"since.{kind}"] = np.where(newest == NEVER, np.nan, keys[:, 1] - newest).astype(np.float32)
    spikes = int(np.isfinite(heard.values).sum()) - int(measured.sum())
    silent = len(rows) - heard.used - heard.late - heard.early
    count = GridCount(len(rows), heard.used, heard.late, heard.early, silent, n, n - len(held), spikes)
    return _frame(names.to_numpy()[keys[:, 0]], keys, since, cells, measured, spec), count


def whole_microseconds(times: pd.Series) -> NDArray[np.int64]:
    """A column of UTC times as microseconds since the epoch."""
    whole: NDArray[np.int64] = pd.DatetimeIndex(times).as_unit("us").asi8
    return whole


def _hampel(spec: FeatureSpec, channels: Sequence[Channel]) -> tuple[int, float, NDArray[np.float64]]:
    """The spike filter's window (0: none), sigmas and smallest deviations."""
    if spec.spike is None:
        return 0, 0.0, np.zeros(len(spec.channels))
    return spec.spike.window, spec.spike.sigmas, spec.spike.floor * spans(spec, tuple(channels))


def _events(events: pd.DataFrame | None, names: pd.Index, kinds: tuple[str, ...], spec: FeatureSpec) -> Any:
    """The events of some kinds as the kernels take them; devices by their place in `names`."""
    from pipelines.features import grid_kernels as kernels  # numba: only where it computes

    empty = np.empty(0, dtype=np.int64)
    if events is None or not kinds:
        return kernels.Events(empty, empty, empty)
    period, late = microseconds(spec.period_s), microseconds(spec.late_s)
    device = names.get_indexer(pd.Index(events["device"].astype(str)))
    time, received = whole_microseconds(events["time"]), whole_microseconds(events["received"])
    used = events["kind"].isin(kinds).to_numpy() & (device >= 0) & (time <= received + late + period)
    device, time, received = device[used].astype(np.int64), time[used], received[used]
    known = np.array([known_from(int(t), int(r), period, late) for t, r in zip(time, received, strict=True)], np.int64)
    order = np.lexsort((known, device))
    return kernels.Events(device[order], known[order], (time // period)[order])


def _among(rows: pd.DataFrame, rejected: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) rows whose device and time stand among the rejected."""
    if rejected.empty:
        return np.zeros(len(rows), dtype=np.bool_)
    keys = rejected[["device", "time"]].drop_duplicates()
    keys = keys.assign(device=keys["device"].astype(str), time=keys["time"].astype(MICROSECONDS), refused=True)
    left = pd.DataFrame({"device": rows["device"].astype(str), "time": rows["time"].astype(MICROSECONDS)})
    found = left.merge(keys, on=["device", "time"], how="left")["refused"]
    return found.notna().to_numpy()


def _frame(
    devices: NDArray[np.object_],
    keys: NDArray[np.int64],
    since: dict[str, NDArray[np.float32]],
    cells: NDArray[np.float32],
    measured: NDArray[np.bool_],
    spec: FeatureSpec,
) -> pd.DataFrame:
    period, late = microseconds(spec.period_s), microseconds(spec.late_s)
    start = keys[:, 1] * period
    columns: dict[str, object] = {
        "device": pd.array(devices, dtype="str"),
        "time": _times(start),
        "received": _times(start + period + late),
        "segment": keys[:, 2].astype(np.int32),
        "run": keys[:, 3].astype(np.int32),
        "generation": keys[:, 4].astype(np.int32),
        "age": (keys[:, 1] - keys[:, 5] + 1).astype(np.int32),
    }
    columns |= since
    columns |= {name: cells[:, c] for c, name in enumerate(spec.channels)}
    columns |= {f"{name}.measured": measured[:, c] for c, name in enumerate(spec.channels)}
    return pd.DataFrame(columns)


def _times(microseconds_: NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(microseconds_.view("datetime64[us]")).tz_localize("UTC")
