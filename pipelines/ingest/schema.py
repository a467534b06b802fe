"""Columns and types of the tables that ingest writes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

MOMENT = pa.timestamp("us", tz="UTC")

EVENTS = pa.schema(
    [
        ("device", pa.string()),
        ("time", MOMENT),
        ("received", MOMENT),
        ("kind", pa.string()),
        ("value", pa.float64()),
    ]
)
LABELS = pa.schema(
    [
        ("device", pa.string()),
        ("from", MOMENT),
        ("to", MOMENT),
        ("label", pa.string()),
        ("received", MOMENT),
        ("by", pa.string()),
    ]
)
DEVICES = pa.schema(
    [
        ("device", pa.string()),
        ("from", MOMENT),
        ("site", pa.string()),
        ("vendor", pa.string()),
        ("firmware", pa.string()),
        ("side", pa.string()),
    ]
)
QUARANTINE = pa.schema(
    [
        ("source", pa.string()),
        ("file", pa.string()),
        ("record", pa.int64()),
        ("offset", pa.int64()),
        ("channel", pa.string()),
        ("device", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("mapping", pa.string()),
    ]
)
QUARANTINE_ORDER = ["source", "file", "record", "channel", "rule", "reason", "device"]
FILES = pa.schema(
    [
        ("source", pa.string()),
        ("file", pa.string()),
        ("records", pa.int64()),
        ("accepted", pa.int64()),
        ("quarantined", pa.int64()),
        ("duplicates", pa.int64()),
        ("cells_quarantined", pa.int64()),
        ("expired", pa.int64()),
        ("sha256", pa.string()),
        ("mapping", pa.string()),
        ("lead", pa.string()),
        ("rows", pa.int64()),
        ("placed", pa.int64()),
        ("whole", pa.int64()),
        ("oldest", MOMENT),
        ("newest", MOMENT),
    ]
)
"""The accounting by raw file, and what tells whether it must be read again. lead: the file that it is joined to, itself
where it stands alone. rows: decoded from it and not too old. placed: records that have such rows. whole: records set
aside by decoding. expired: records all of whose rows are too old. oldest, newest: its rows, too old or not; null where
it has none."""


def rows_schema(channels: tuple[str, ...]) -> pa.Schema:
    """device, time, received, and a float32 for every channel."""
    keys = [("device", pa.string()), ("time", MOMENT), ("received", MOMENT)]
    return pa.schema(keys + [(name, pa.float32()) for name in channels])


def microseconds(seconds: ArrayLike) -> NDArray[np.int64]:
    """Epoch seconds to whole microseconds."""
    whole: NDArray[np.int64] = np.rint(np.asarray(seconds, dtype=np.float64) * 1e6).astype(np.int64)
    return whole


def moments(seconds: pd.Series[float]) -> pd.Series[pd.Timestamp]:
    """Epoch seconds as UTC, to the microsecond."""
    return pd.Series(utc(microseconds(seconds)), index=seconds.index)


def utc(whole: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Microseconds since 1970 as UTC."""
    return pd.DatetimeIndex(whole.view("datetime64[us]")).tz_localize("UTC")


def to_table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """A frame's columns in the schema's order and types."""
    return pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
