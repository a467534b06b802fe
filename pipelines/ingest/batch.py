"""What decoding a file yields, in one piece or several: rows as columns, and what was quarantined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from pipelines.ingest.schema import microseconds

ABOUT = ("site", "vendor", "firmware")

UNSAID = np.iinfo(np.int64).min
"""A moment that nobody said; numpy's and Arrow's own mark for it."""


@dataclass(frozen=True)
class Quarantined:
    """A record, or one cell of it, that was not believed. `channel` None: the whole record.

    record: its number in the file, from 1: the line where it begins, or its place where a format has no lines.
    """

    record: int
    channel: str | None
    rule: str
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Words:
    """A column of text: `codes` (n,) int32 into its different `words`; -1 where nothing is said."""

    words: tuple[str, ...]
    codes: NDArray[np.int32]


@dataclass(frozen=True)
class Rows:
    """n rows as columns.

    device: every row has one. time, received: (n,) int64, microseconds since 1970, UTC. record: (n,) int64, the
    record that a row comes from (see Quarantined). values: channel -> (n,) float32, NaN where nothing was measured;
    a channel that the file does not send may be left out. about: site, vendor, firmware; what is not said may be
    left out. uploaded: as time, UNSAID where nobody said. totals: channel -> (n,) float64, what a cumulative counter
    showed; its `values` are the same, rounded.
    """

    device: Words
    time: NDArray[np.int64]
    received: NDArray[np.int64]
    record: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float32]]
    about: Mapping[str, Words] = field(default_factory=dict)
    uploaded: NDArray[np.int64] | None = None
    totals: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Parts:
    """Which records made which rows, where it is not one each: (m,) pairs, row: its place among the batch's rows."""

    row: NDArray[np.int64]
    record: NDArray[np.int64]


@dataclass
class Joined:
    """Records of one file that had a part in a batch's rows; accounted for by file."""

    file: str
    records: int
    parts: Parts
    quarantined: list[Quarantined] = field(default_factory=list)


@dataclass
class Batch:
    """Records of one file, decoded; a file is one batch or several, in any order.

    records: how many these are. Each is in `rows`, once or more often, or in `quarantined` with no channel, never
    in both; all rows of a record are in one batch. parts: where a row comes of several records (one channel a
    record), all of them. joined: the other files whose records stand beside these. events, labels: what the rows'
    own columns tell, as in schema.EVENTS and schema.LABELS.
    """

    source: str
    file: str
    records: int
    rows: Rows
    quarantined: list[Quarantined] = field(default_factory=list)
    parts: Parts | None = None
    joined: list[Joined] = field(default_factory=list)
    events: pa.Table | None = None
    labels: pa.Table | None = None

    def origins(self) -> list[Joined]:
        """Every file behind the rows, this one first, with the record of each row."""
        own = self.parts or Parts(np.arange(len(self.rows)), self.rows.record)
        return [Joined(self.file, self.records, own, self.quarantined), *self.joined]


def words(column: Iterable[str | None]) -> Words:
    """Text, one a row, as codes into its different words."""
    known: dict[str | None, int] = {None: -1}
    codes = [known.setdefault(word, len(known) - 1) for word in column]
    return Words(tuple(word for word in known if word is not None), np.asarray(codes, dtype=np.int32))


def rows_of(
    devices: Sequence[str],
    times: ArrayLike,
    received: ArrayLike,
    values: NDArray[np.float32],
    about: Mapping[str, Sequence[str | None]],
    records: ArrayLike,
    channels: Sequence[str],
) -> Rows:
    """Rows from what was decoded one by one. times, received: epoch seconds; values: (n, channels) float32."""
    return Rows(
        device=words(devices),
        time=microseconds(times),
        received=microseconds(received),
        record=np.asarray(records, dtype=np.int64),
        values={name: values[:, i] for i, name in enumerate(channels)},
        about={name: words(said) for name, said in about.items()},
    )
