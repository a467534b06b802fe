"""What the contract is judged on: one pass over the rows, a bucket at a time; see `fact tables` below.

channels: one line, `<channel>.lowest`, `.highest` (of the kept rows) and `.missing_share`. devices: one line a device:
rows, longest_gap_s, rate (rows over those that its period promises), turned_share (rows received before one that was
measured earlier), ahead_s (how far its clock runs ahead of receipt), skew_s (how far it is off the fleet's, see
`ingest.clocks`; 0 where its receipt is computed, not told), delay_s (median), stale_s (last row before the
dataset's last receipt), and `<channel>.longest_flat` (rows of one equal value). dataset: one line of shares.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.ingest import clocks_ahead
from pipelines.params import ChannelSpec, Contract
from pipelines.validate.rows import pair_broken, rejected_rows

Int = NDArray[np.int64]


@dataclass
class Facts:
    """What has been seen so far; `see` takes the rows of one bucket, all of a device's at once."""

    channels: dict[str, ChannelSpec]
    contract: Contract
    period_s: float
    rows: int = 0
    kept: int = 0
    last_received: int = 0  # microseconds
    measured: dict[str, int] = field(default_factory=dict)
    lowest: dict[str, float] = field(default_factory=dict)
    highest: dict[str, float] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    devices: list[pd.DataFrame] = field(default_factory=list)
    rejected: list[pd.DataFrame] = field(default_factory=list)

    def see(self, rows: pd.DataFrame) -> None:
        """rows: device, time, received and the channels, sorted by these."""
        if rows.empty:
            return
        broken = rejected_rows(rows, self.channels, self.contract)
        keep = np.ones(len(rows), dtype=np.bool_)
        if len(broken):
            keys = pd.MultiIndex.from_frame(broken[["device", "time"]])
            keep = ~np.asarray(pd.MultiIndex.from_frame(rows[["device", "time"]]).isin(keys))
        for name in self.channels:
            values = rows[name].to_numpy()
            some = values[keep & ~np.isnan(values)]
            self.measured[name] = self.measured.get(name, 0) + len(some)
            if len(some):
                self.lowest[name] = min(self.lowest.get(name, np.inf), float(some.min()))
                self.highest[name] = max(self.highest.get(name, -np.inf), float(some.max()))
        for pair in self.contract.pairs:
            self.pairs[pair.name] = self.pairs.get(pair.name, 0) + int(pair_broken(rows, pair).sum())
        self.rows += len(rows)
        self.kept += int(keep.sum())
        self.last_received = max(self.last_received, int(_micro(rows["received"]).max()))
        self.devices.append(device_facts(rows, tuple(self.channels), self.period_s))
        self.rejected.append(broken)

    def channel_table(self) -> pd.DataFrame:
        """One line; a channel without any value lies at 0."""
        line: dict[str, float] = {}
        for name in self.channels:
            line[f"{name}.lowest"] = self.lowest.get(name, 0.0)
            line[f"{name}.highest"] = self.highest.get(name, 0.0)
            line[f"{name}.missing_share"] = round(1 - self.measured.get(name, 0) / max(self.kept, 1), 9)
        return pd.DataFrame([line])

    def device_table(self) -> pd.DataFrame:
        """One line a device, by name."""
        found = pd.concat(self.devices, ignore_index=True).sort_values("device", ignore_index=True)
        stale = (self.last_received - found.pop("last")) / 1e6
        off = clocks_ahead(found[["device", "delay_min", "delay_max"]]).abs()
        skew = found["device"].map(off).astype("float64").fillna(0.0).round(6)
        return found.drop(columns=["delay_min", "delay_max"]).assign(skew_s=skew, stale_s=stale.clip(lower=0))

    def rejected_table(self) -> pd.DataFrame:
        """device, time, rule of the rejected rows, sorted."""
        found = pd.concat(self.rejected, ignore_index=True)
        ordered: pd.DataFrame = found.sort_values(["device", "time", "rule"], kind="stable", ignore_index=True)
        return ordered

    def dataset_table(self, records: int, quarantined: int, duplicates: int) -> pd.DataFrame:
        """One line. records, quarantined, duplicates: of ingest's account."""
        keys = self.rejected_table()[["device", "time"]].drop_duplicates()
        line = {
            "rows": self.rows,
            "devices": sum(len(frame) for frame in self.devices),
            "rejected_share": len(keys) / max(self.rows, 1),
            "quarantine_share": quarantined / max(records, 1),
            "duplicates_share": duplicates / max(records, 1),
        }
        line |= {f"pair.{name}": count / max(self.rows, 1) for name, count in self.pairs.items()}
        return pd.DataFrame([line])


def device_facts(rows: pd.DataFrame, channels: tuple[str, ...], period_s: float) -> pd.DataFrame:
    """One line a device; `last`: its last time, microseconds. rows: sorted by device, time and receipt.

    A missing value neither ends a flat run nor counts in it.
    """
    codes, names = pd.factorize(rows["device"], sort=True)
    time, received = _micro(rows["time"]), _micro(rows["received"])
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    count = np.diff(np.append(starts, len(codes)))
    first, last = time[starts], time[starts + count - 1]
    step = np.diff(time, prepend=time[0])
    step[starts] = 0
    different = (step != 0) | _at(starts, len(codes))
    delay = received - time
    promised = (last - first) / (period_s * 1e6) + 1
    columns: dict[str, object] = {
        "device": names.astype(str),
        "rows": count,
        "last": last,
        "longest_gap_s": np.maximum.reduceat(step, starts) / 1e6,
        "rate": np.minimum(np.add.reduceat(different.astype(np.int64), starts) / promised, 1.0),
        "turned_share": np.add.reduceat(_turned(received, starts, count).astype(np.int64), starts) / count,
        "delay_min": np.minimum.reduceat(delay, starts) / 1e6,
        "delay_max": np.maximum.reduceat(delay, starts) / 1e6,
        "ahead_s": np.maximum(-np.minimum.reduceat(delay, starts), 0) / 1e6,
        "delay_s": pd.Series(delay).groupby(codes).median().to_numpy() / 1e6,
    }
    for name in channels:
        columns[f"{name}.longest_flat"] = _longest_flat(codes, rows[name].to_numpy(), len(names))
    return pd.DataFrame(columns)


def _micro(times: pd.Series[pd.Timestamp]) -> Int:
    whole: Int = pd.DatetimeIndex(times).as_unit("us").asi8
    return whole


def _at(places: Int, size: int) -> NDArray[np.bool_]:
    found = np.zeros(size, dtype=np.bool_)
    found[places] = True
    return found


def _turned(received: Int, starts: Int, count: Int) -> NDArray[np.bool_]:
    """(n,) rows received before one of the same device that was measured earlier."""
    base = np.repeat(np.arange(len(starts)), count) * (int(received.max()) - int(received.min()) + 1)
    lifted = received - received.min() + base  # devices one above the other: one running maximum serves all
    turned: NDArray[np.bool_] = lifted < np.maximum.accumulate(lifted)
    return turned


def _longest_flat(codes: NDArray[np.intp], values: NDArray[np.float32], count: int) -> Int:
    """(count,) longest run of one equal measured value, rows."""
    longest = np.zeros(count, dtype=np.int64)
    measured = np.flatnonzero(~np.isnan(values))
    if not len(measured):
        return longest
    device, value = codes[measured], values[measured]
    starts = np.flatnonzero(np.r_[True, (device[1:] != device[:-1]) | (value[1:] != value[:-1])])
    np.maximum.at(longest, device[starts], np.diff(np.r_[starts, len(measured)]))
    return longest
