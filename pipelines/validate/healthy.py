"""Which rows of a history are healthy, by rule: far from failures and maintenance, under no label of trouble."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.params import Healthy

Bools = NDArray[np.bool_]
_DAY = pd.Timedelta(days=1)


@dataclass
class History:
    """Hands out the healthy rows and counts the others, by what excluded them first."""

    rule: Healthy
    events: pd.DataFrame  # device, time, kind
    labels: pd.DataFrame  # device, from, to, label
    rows: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)

    def healthy(self, pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The pieces less what is not healthy. What lies between two exclusions becomes a device of its own, as
        "pump-1 (2)": what was taken out is no silence of it."""
        spans = list(self._spans())
        for rows in pieces:
            self.rows += len(rows)
            bad = np.zeros(len(rows), dtype=np.bool_)
            for why, span in spans:
                hit = _within(rows, span) & ~bad
                self.excluded[why] = self.excluded.get(why, 0) + int(hit.sum())
                bad |= hit
            self.devices |= set(rows.loc[~bad, "device"].unique())
            yield _apart(rows, bad)

    def _spans(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """What excludes, and device, from, to of each time that it does."""
        failed = self.events["kind"] == self.rule.failure
        before, after = self.rule.before_days, self.rule.after_days
        for why, some, lead in (
            (f"{before:g} days before and {after:g} after a {self.rule.failure}", self.events[failed], before),
            (f"{after:g} days after another event", self.events[~failed], 0.0),
        ):
            times = {"from": some["time"] - lead * _DAY, "to": some["time"] + after * _DAY}
            yield why, some[["device"]].assign(**times)
        bad = [any(fnmatchcase(label.lower(), p) for p in self.rule.troubles) for label in self.labels["label"]]
        yield "a label of trouble", self.labels.loc[bad, ["device", "from", "to"]]

    def sentences(self) -> list[str]:
        """How much was excluded, and by what."""
        gone = sum(self.excluded.values())
        share = gone / max(self.rows, 1)
        lines = [f"healthy history: {self.rows - gone:,} of {self.rows:,} rows ({share:.1%} excluded)"]
        return lines + [f"  excluded: {count:,} rows, {why}" for why, count in self.excluded.items() if count]


def _within(rows: pd.DataFrame, spans: pd.DataFrame) -> Bools:
    """(n,) rows of a device inside one of its spans, both ends included. rows: sorted by device and time."""
    found = np.zeros(len(rows), dtype=np.bool_)
    device, time = rows["device"].to_numpy(dtype=object), pd.DatetimeIndex(rows["time"])
    names, starts = np.unique(device, return_index=True)
    begins = dict(zip(names, zip(starts, np.append(starts[1:], len(rows)), strict=True), strict=True))
    for name, own in spans.groupby("device"):
        if name in begins:
            first, stop = begins[name]
            for low, high in zip(own["from"], own["to"], strict=True):
                own_time = time[first:stop]
                found[first + own_time.searchsorted(low) : first + own_time.searchsorted(high, "right")] = True
    return found


def _apart(rows: pd.DataFrame, bad: Bools) -> pd.DataFrame:
    """The good rows, each stretch between bad ones under a name of its own."""
    device = rows["device"].to_numpy(dtype=object)
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = device[1:] != device[:-1]
    stretch = np.cumsum(new | np.append(False, bad[:-1] & ~bad[1:]))[~bad] if len(rows) else np.zeros(0, dtype=np.int64)
    good = rows[~bad]
    if not len(good):
        return good
    owner = good["device"].to_numpy(dtype=object)
    first = {name: stretch[place] for name, place in zip(*np.unique(owner, return_index=True), strict=True)}
    number = np.array([s - first[name] for s, name in zip(stretch.tolist(), owner, strict=True)])
    names = np.where(number > 0, [f"{name} ({n + 1})" for name, n in zip(owner, number.tolist(), strict=True)], owner)
    return good.assign(device=names)
