"""What decoding one file yields: rows as columns, what was quarantined, and how many records there were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ABOUT = ("site", "vendor", "firmware")
KEYS = ("device", "time", "received")


@dataclass(frozen=True)
class Quarantined:
    """A record, or one cell of it, that was not believed. `record`: line in the file, from 1. `channel` None: all."""

    record: int
    channel: str | None
    rule: str
    reason: str
    raw: bytes


@dataclass
class Batch:
    """One file's records, decoded.

    rows: device, time, received (float64 epoch seconds), <channels float32>, site, vendor, firmware, record (int64:
    line in the file). records: how many the file holds. A record in `quarantined` with no channel has no row.
    """

    source: str
    file: str
    records: int
    rows: pd.DataFrame
    quarantined: list[Quarantined] = field(default_factory=list)


def frame(
    devices: Sequence[str],
    times: Sequence[float] | NDArray[np.float64],
    received: Sequence[float] | NDArray[np.float64],
    values: NDArray[np.float32],
    about: dict[str, Sequence[str | None]],
    records: Sequence[int] | NDArray[np.int64],
    channels: tuple[str, ...],
) -> pd.DataFrame:
    """Columns of a batch's rows; values: (rows, channels) float32."""
    columns: dict[str, object] = {
        "device": pd.array(list(devices), dtype="str"),
        "time": np.asarray(times, dtype=np.float64),
        "received": np.asarray(received, dtype=np.float64),
    }
    columns |= {name: values[:, i] for i, name in enumerate(channels)}
    columns |= {name: pd.array(list(about[name]), dtype="str") for name in ABOUT}
    columns["record"] = np.asarray(records, dtype=np.int64)
    return pd.DataFrame(columns)
