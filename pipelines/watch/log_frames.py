"""A field log as one side of a judgement: its rows on the grid, its decisions, and its outcomes as labels tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleetloop_edge.spec import Channel, FeatureSpec
from pipelines.errors import DataError
from pipelines.features import build_grid
from pipelines.ingest import stream_rows_from
from pipelines.tasks import TaskSpec
from pipelines.tasks.base import life_left
from pipelines.watch.cohorts import Cohort
from pipelines.watch.decided import Decided, read_decided
from pipelines.watch.field_log import NONE_REJECTED, read_table_of
from pipelines.watch.frames import by_devices, one_frame
from pipelines.watch.masks import masked
from pipelines.watch.measure import Calendar
from pipelines.watch.tickets import Mask

USUAL = 0.95  # share of the known labels that came within the delay that is waited for
MADE_BY = "fleetloop score BUNDLE ROWS -o LOG"


@dataclass(frozen=True)
class LogFrames:
    """A log as it was known at `moment`. events: its labels, as events. delay: periods that labels usually take.

    That nothing happened is believed of a row once the horizon and the delay of labels have passed since.
    """

    folder: Path
    decided: Decided
    events: pd.DataFrame
    table: pd.DataFrame  # of devices: see `FieldLog`
    spec: FeatureSpec
    channels: tuple[Channel, ...]
    task: TaskSpec
    moment: pd.Timestamp
    delay: float
    masks: Sequence[Mask] = field(default=())
    cohorts: Sequence[Cohort] = field(default=())

    @property
    def devices(self) -> tuple[str, ...]:
        """See `Frames`."""
        return self.decided.devices

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self._frames(None)

    def of(self, devices: Collection[str]) -> pd.DataFrame:
        """See `Frames`."""
        found = list(self._frames(frozenset(devices)))
        return one_frame(found) if found else pd.DataFrame({"device": [], "time": []})

    def _frames(self, wanted: frozenset[str] | None) -> Iterator[pd.DataFrame]:
        for rows in stream_rows_from(self.folder / "rows", self.spec.channels, MADE_BY):
            known = rows["received"] <= self.moment
            known &= True if wanted is None else rows["device"].isin(list(wanted))
            for part in by_devices(rows if known.all() else rows[known]):
                frame = self._frame(part)
                if len(frame):
                    yield masked(frame, self.masks, self.cohorts)

    def _frame(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Grid rows of a part that a decision is about; see `measure`."""
        grid = build_grid(rows, NONE_REJECTED, self.spec, self.channels, self.events)
        calendar = Calendar(self.spec.period_s, 1, 0)
        slot = calendar.slot(grid["time"])
        at, last = self._decisions(grid["device"].to_numpy(dtype=object), slot)
        if (at < 0).any():
            kept = at >= 0
            grid, slot, at, last = grid[kept].reset_index(drop=True), slot[kept], at[kept], last[kept]
        columns = [n for name in self.spec.channels for n in (name, f"{name}.measured")]
        found = grid[["device", "time", *columns]]
        life = life_left(found, self.events, self.task.failure, self.spec.period_s)
        ahead = np.minimum(last - slot, self._moment - self.delay - slot).astype(np.float64)
        told = {"score": self.decided.score[at], "acts": self.decided.acts[at], "life": life}
        return found.assign(**told, target=self.task.target(life, ahead), healthy=False)

    @property
    def _moment(self) -> int:
        return int(self.moment.timestamp() // self.spec.period_s)

    def _decisions(self, device: NDArray[np.object_], slot: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """(n,) the decision about each grid row, -1 = none; and the slot of its device's last one."""
        ends = [*(np.flatnonzero(device[1:] != device[:-1]) + 1).tolist(), len(device)] if len(device) else []
        at, last = np.full(len(device), -1, dtype=np.int64), np.zeros(len(device), dtype=np.int64)
        places = {name: i for i, name in enumerate(self.decided.devices)}
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            name = str(device[begin])
            if name in places:
                at[begin:end] = self.decided.find(places[name], slot[begin:end])
                last[begin:end] = self.decided.last[places[name]]
        return at, last


def open_log(
    folder: Path,
    spec: FeatureSpec,
    channels: tuple[Channel, ...],
    task: TaskSpec,
    moment: pd.Timestamp | None = None,
) -> LogFrames:
    """A log as it was known at `moment`, by default when its newest row was received. Raises DataError."""
    if not (folder / "decisions").is_dir() or not (folder / "rows").is_dir():
        raise DataError(f"{folder} is no field log: it has no rows/ and decisions/; `{MADE_BY}` writes one")
    moment = _known(folder, moment)
    labels, devices = read_table_of(folder, "labels"), read_table_of(folder, "devices")
    labels = labels[labels["received"] <= moment].reset_index(drop=True)
    events = labels.rename(columns={"from": "time", "label": "kind"})
    late = events.loc[events["kind"] == task.failure, "received"] - events.loc[events["kind"] == task.failure, "time"]
    delay = float(late.dt.total_seconds().quantile(USUAL)) / spec.period_s if len(late) else 0.0
    decided = read_decided(folder / "decisions", spec.period_s, moment)
    devices = devices[devices["from"] <= moment].reset_index(drop=True)
    return LogFrames(folder, decided, events, devices, spec, channels, task, moment, max(delay, 0.0))


def _known(folder: Path, moment: pd.Timestamp | None) -> pd.Timestamp:
    files = sorted((folder / "rows").glob("bucket=*/*.parquet"))
    try:
        tables = [pq.read_table(file, columns=["received"], partitioning=None) for file in files]
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / 'rows'} cannot be read ({' '.join(str(error).split())[:200]})") from None
    received = [table["received"].to_numpy() for table in tables if table.num_rows]
    if not received:
        raise DataError(f"{folder / 'rows'} holds no rows; make them with `{MADE_BY}`")
    first, last = pd.Timestamp(min(map(np.min, received)), tz="UTC"), pd.Timestamp(max(map(np.max, received)), tz="UTC")
    if moment is None:
        return last
    if moment < first:
        raise DataError(
            f"the log has no row received by {moment.floor('s'):%Y-%m-%dT%H:%M:%SZ}; the first came "
            f"{first.floor('s'):%Y-%m-%dT%H:%M:%SZ}"
        )
    return moment
