"""Grid rows of a side, part by part: a judgement's memory holds one part, never the whole log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

CELLS = 4_000_000  # of a part, unless one device alone has more


class Frames(Protocol):
    """Frames of whole devices, each sorted by device and time (see `measure`). One may go through them again."""

    @property
    def devices(self) -> tuple[str, ...]:
        """All there are, sorted."""
        ...

    def __iter__(self) -> Iterator[pd.DataFrame]: ...

    def of(self, devices: Collection[str]) -> pd.DataFrame:
        """The rows of some devices; the empty frame where there are none."""
        ...


@dataclass(frozen=True)
class Whole:
    """A frame that memory holds anyway."""

    frame: pd.DataFrame

    @property
    def devices(self) -> tuple[str, ...]:
        """See `Frames`."""
        return tuple(sorted(self.frame["device"].unique()))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        if len(self.frame):
            yield self.frame

    def of(self, devices: Collection[str]) -> pd.DataFrame:
        """See `Frames`."""
        found: pd.DataFrame = self.frame[self.frame["device"].isin(list(devices))].reset_index(drop=True)
        return found


def by_devices(rows: pd.DataFrame, cells: int = CELLS) -> Iterator[pd.DataFrame]:
    """Rows sorted by device, cut between devices into parts of about `cells` cells."""
    if rows.empty:
        return
    device = rows["device"].to_numpy(dtype=object)
    ends = [*(np.flatnonzero(device[1:] != device[:-1]) + 1).tolist(), len(rows)]
    begin, most = 0, cells / max(rows.shape[1], 1)
    for end, after in zip(ends, [*ends[1:], None], strict=True):
        if after is None or after - begin > most:
            yield rows.iloc[begin:end]
            begin = end


def one_frame(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Parts as one frame sorted by device and time: they come bucket by bucket, and a bucket's names are any."""
    return pd.concat(parts).sort_values(["device", "time"], kind="stable", ignore_index=True)
