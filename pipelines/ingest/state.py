"""Tables of the whole dataset with a line for every part: state/<name>.parquet. A part's new lines replace its old."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingest.encode import write_parquet
from pipelines.ingest.facts import GAP_BINS
from pipelines.ingest.schema import MOMENT, to_table

_PART = ("part", pa.string())
_STEPS = ("steps", "gaps", "turned", *(f"gap_{b}" for b in range(GAP_BINS)))
COUNTER = ("readings", "rollovers", "restarts", "turned", "outside")
"""What a device's counter did: see `totals`."""
_SECONDS = ("step_mean", "step_m2", "gap_longest", "gap_total", "delay_min", "delay_mean", "delay_max")

TABLES = {
    "parts": pa.schema(
        [_PART, ("source", pa.string()), ("file", pa.string()), ("kept", pa.int64()), ("dropped", pa.int64())]
    ),
    "about": pa.schema(
        [
            _PART,
            ("device", pa.string()),
            ("from", MOMENT),
            ("site", pa.string()),
            ("vendor", pa.string()),
            ("firmware", pa.string()),
        ]
    ),
    "last": pa.schema(
        [_PART, ("device", pa.string()), ("source", pa.string()), ("time", MOMENT), ("received", MOMENT)]
    ),
    "lost": pa.schema([_PART, ("device", pa.string()), ("duplicates", pa.int64()), ("conflicts", pa.int64())]),
    "jumps": pa.schema([_PART, ("device", pa.string()), ("at", MOMENT), ("by", pa.float64())]),
    "counters": pa.schema(
        [
            _PART,
            ("device", pa.string()),
            ("channel", pa.string()),
            *((name, pa.int64()) for name in COUNTER),
            ("shown", pa.float64()),
        ]
    ),
    "steps": pa.schema(
        [
            _PART,
            ("device", pa.string()),
            ("rows", pa.int64()),
            ("first", MOMENT),
            ("last", MOMENT),
            *((name, pa.int64()) for name in _STEPS),
            *((name, pa.float64()) for name in _SECONDS),
        ]
    ),
}
_ORDER = ["part", "device", "channel", "source", "file", "from", "at"]

State = dict[str, pd.DataFrame]


def read_state(tables: Path) -> State:
    """The tables; empty ones where none are stored."""
    found: State = {}
    for name, schema in TABLES.items():
        path = tables / _file(name)
        table = pq.read_table(path, schema=schema) if path.is_file() else schema.empty_table()
        found[name] = table.to_pandas()
    return found


def renewed(old: State, parts: dict[str, State]) -> State:
    """The tables with the lines of some parts replaced. parts: name -> its lines, without the column `part`."""
    new: State = {}
    for name, schema in TABLES.items():
        stay = old[name][~old[name]["part"].isin(list(parts))]
        lines = [lines[name].assign(part=part) for part, lines in sorted(parts.items()) if name in lines]
        frame = pd.concat([some for some in (stay, *lines) if len(some)] or [old[name].iloc[:0]], ignore_index=True)
        keys = [column for column in _ORDER if column in schema.names]
        new[name] = frame.sort_values(keys, kind="stable", ignore_index=True)
    return new


def write_state(state: State, staged: Path) -> None:
    """Write the tables below the folder where new files are staged."""
    (staged / "state").mkdir(parents=True, exist_ok=True)
    for name, schema in TABLES.items():
        write_parquet(staged / _file(name), to_table(state[name], schema))


def _file(name: str) -> str:
    return f"state/{name}.parquet"
