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

    bounds = kernels.Bounds(microseconds(spec.period_s), microseconds(spec.late_s), spec.fill)
    codes, names = pd.factorize(rows["device"], sort=True)
    device = codes.astype(np.int64)
    time, received = whole_microseconds(rows["time"]), whole_microseconds(rows["received"])
    cells = _Cells(rows, spec.channels, _among(rows, rejected), _order(device, time, received))
    heard = kernels.hear(cells.sorted(device), cells.sorted(time), cells.sorted(received), cells.speaks(), bounds)
    clock = np.full(len(names), kernels.LONG_AGO, dtype=np.int64)
    np.maximum.at(clock, device, received)
    closed = (clock - bounds.late - 1) // bounds.period - 1
    held = kernels.held_after(heard, closed, spec.fill)
    n = len(held) + int(held.sum())
    keys = np.empty((kernels.KEYS, n), dtype=np.int64)
    begun = kernels.newest_event(heard.device, heard.slot, _events(events, names, spec.reset, spec))
    starts = kernels.emit_keys(heard, begun, held, spec.fill, keys)
    values, measured, spikes = _clean(cells, spec, channels, heard, starts, held, n)
    since = {}
    for kind in dict.fromkeys(spec.since):
        newest = kernels.newest_event(keys[kernels.DEVICE], keys[kernels.SLOT], _events(events, names, (kind,), spec))
        since[f"since.{kind}"] = np.where(newest == NEVER, np.nan, keys[kernels.SLOT] - newest).astype(np.float32)
    silent = len(rows) - heard.used - heard.late - heard.early
    count = GridCount(len(rows), heard.used, heard.late, heard.early, silent, n, n - len(held), spikes)
    return _frame(names, keys, since, values, measured, spec), count


@dataclass(frozen=True)
class _Cells:
    """The rows' channels, one at a time: without those that are refused (n,), sorted where `order` is given."""

    rows: pd.DataFrame
    names: tuple[str, ...]
    refused: NDArray[np.bool_]
    order: NDArray[np.int64] | None

    def sorted(self, column: NDArray[Any]) -> NDArray[Any]:
        return np.array(column) if self.order is None else column[self.order]  # writable: else it compiles again

    def channel(self, name: str) -> NDArray[np.float32]:
        column = np.array(self.rows[name], dtype=np.float32)
        column[self.refused] = np.nan
        return column if self.order is None else column[self.order]

    def speaks(self) -> NDArray[np.bool_]:
        """(n,) which rows have a value."""
        found = np.zeros(len(self.rows), dtype=np.bool_)
        for name in self.names:
            found |= np.isfinite(self.channel(name))
        return found


def _order(device: NDArray[np.int64], time: NDArray[np.int64], received: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The order by device, time and receipt; None where the rows stand in it, as ingest leaves them."""
    later = np.diff(received) >= 0
    for key in (time, device):
        step = np.diff(key)
        later = (step > 0) | ((step == 0) & later)
    return None if later.all() else np.lexsort((received, time, device))


def _clean(
    cells: _Cells, spec: FeatureSpec, channels: Sequence[Channel], heard: Any, starts: Any, held: Any, n: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    """(C, n) values of the emitted slots, and which were measured; how many spikes were taken out."""
    from pipelines.features import grid_kernels as kernels  # numba: only where it computes
    from pipelines.features.spike_kernels import Hampel, measure

    filters = [Hampel(0, 0.0, 0.0)] * len(spec.channels)
    if spec.spike is not None:
        least = spec.spike.floor * spans(spec, tuple(channels))
        filters = [Hampel(spec.spike.window, float(spec.spike.sigmas), float(floor)) for floor in least]
    values, measured = np.empty((len(filters), n), np.float32), np.empty((len(filters), n), np.bool_)
    slots, clean, spikes = np.empty(len(held), np.float32), np.empty(len(held), np.bool_), 0
    for c, hampel in enumerate(filters):
        kernels.newest(cells.channel(cells.names[c]), heard.into, slots)
        measure(slots, starts, hampel, clean)
        spikes += int(np.isfinite(slots).sum()) - int(clean.sum())
        kernels.hold(slots, clean, heard, starts, held, spec.fill, values[c], measured[c])
    return values, measured, spikes


def whole_microseconds(times: pd.Series) -> NDArray[np.int64]:
    """A column of UTC times as microseconds since the epoch."""
    whole: NDArray[np.int64] = pd.DatetimeIndex(times).as_unit("us").asi8
    return whole


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
    names: pd.Index,
    keys: NDArray[np.int64],
    since: dict[str, NDArray[np.float32]],
    values: NDArray[np.float32],
    measured: NDArray[np.bool_],
    spec: FeatureSpec,
) -> pd.DataFrame:
    device, slot, segment, run, generation, born = keys
    period, late = microseconds(spec.period_s), microseconds(spec.late_s)
    columns: dict[str, object] = {
        "device": names.astype("str").array.take(device),
        "time": _times(slot * period),
        "received": _times(slot * period + period + late),
        "segment": segment.astype(np.int32),
        "run": run.astype(np.int32),
        "generation": generation.astype(np.int32),
        "age": (slot - born + 1).astype(np.int32),
    }
    cells = pd.DataFrame(values.T, columns=list(spec.channels), copy=False)
    marks = pd.DataFrame(measured.T, columns=[f"{name}.measured" for name in spec.channels], copy=False)
    return pd.concat([pd.DataFrame(columns | since), cells, marks], axis=1)


def _times(microseconds_: NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(microseconds_.view("datetime64[us]")).tz_localize("UTC")
