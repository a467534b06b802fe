"""Generated telemetry for `benchmarks.ingest`: the same rows as Parquet, CSV and JSON Lines.

20 channels, a row a minute with jitter, 2 % of the cells missing, .5 % of the rows sent twice, out of order: mostly by
minutes, now and then by hours. Sensors of four kinds: rounded, drifting, noisy, and states.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from pipelines.params import DatasetSpec

CHANNELS = tuple(f"c{i:02d}" for i in range(20))
DEVICES, FILE_ROWS, BUCKETS = 50, 250_000, 4
START = 1_767_225_600_000_000  # 2026-01-01, microseconds
LOW, HIGH = -1000.0, 1000.0
SCALE = 1e-3  # the vendor sends milli-units


def dataset(kind: str) -> DatasetSpec:
    """The dataset that maps the files of one kind: parquet, csv or jsonl."""
    decoder = {"parquet": "parquet", "csv": "table", "jsonl": "json"}[kind]
    return DatasetSpec.model_validate(
        {
            "title": "benchmark",
            "period_s": 60,
            "channels": {name: {"unit": "V", "min": LOW, "max": HIGH} for name in CHANNELS},
            "sources": {
                "plant": {
                    "files": f"*.{kind}",
                    "decoder": decoder,
                    "device": "{device}",
                    "time": {"field": "time", "format": "epoch_ms"},
                    "received": {"field": "received", "format": "epoch_ms"},
                    "channels": {name: {"field": name, "unit": "mV"} for name in CHANNELS},
                }
            },
            "storage": {"buckets": BUCKETS, "span": "month"},
        }
    )


def write_raw(folder: Path, rows: int, kind: str, seed: int = 0) -> None:
    """Files of 250,000 records each."""
    folder.mkdir(parents=True)
    for number, table in enumerate(_tables(rows, seed)):
        path = folder / f"{number:04d}.{kind}"
        if kind == "parquet":
            pq.write_table(table, path)
        elif kind == "csv":
            pyarrow.csv.write_csv(table, path, pyarrow.csv.WriteOptions(quoting_style="none"))
        else:
            _write_jsonl(table, path)


def _tables(rows: int, seed: int) -> Iterator[pa.Table]:
    rng = np.random.default_rng(seed)
    walk = np.zeros((5, DEVICES))
    names = np.array([f"device-{i:04d}" for i in range(DEVICES)], dtype=object)
    for first in range(0, rows, FILE_ROWS):
        count = min(FILE_ROWS, rows - first)
        own = count - count // 200
        place = np.arange(own)
        device, minute = place % DEVICES, first // DEVICES + place // DEVICES
        time = START + minute * 60_000_000 + rng.integers(-5_000, 5_000, own) * 1000
        received = time + rng.integers(200, 3_000, own) * 1000
        received[rng.random(own) < 0.01] += rng.integers(1, 6) * 3_600_000_000
        columns = _columns(rng, own, device, walk)
        again = rng.choice(own, count - own, replace=False)
        order = np.concatenate([place, again])
        later = np.concatenate([received, received[again] + 60_000_000])
        order_sent = np.argsort(later + rng.integers(0, 600_000_000, count), kind="stable")
        table: dict[str, Any] = {
            "device": pa.array(names[device[order]], pa.string()),
            "time": pa.array(time[order] // 1000),
            "received": pa.array(later // 1000),
        }
        table |= {name: pa.array(values[order], from_pandas=True) for name, values in columns.items()}
        yield pa.table(table).take(pa.array(order_sent))


def _columns(rng: np.random.Generator, rows: int, device: Any, walk: Any) -> dict[str, Any]:
    columns = {}
    for i, name in enumerate(CHANNELS):
        if i < 10:  # a sensor of stated resolution
            values = np.round(rng.normal(50_000, 4_000, rows), -1)
        elif i < 15:  # a slow drift, with the last digits of a float
            steps = rng.normal(0, 5, (rows + DEVICES - 1) // DEVICES * DEVICES).reshape(-1, DEVICES)
            values = (walk[i - 10] + np.cumsum(steps, axis=0)).ravel()[:rows] + 20_000
            walk[i - 10] += steps.sum(axis=0)
        elif i < 18:
            values = np.round(rng.normal(0, 20_000, rows), 3)
        else:  # a state
            values = rng.integers(0, 4, rows) * 1000.0
        values = values.astype(np.float64)
        values[rng.random(rows) < 0.02] = np.nan
        columns[name] = values
    return columns


def _write_jsonl(table: pa.Table, path: Path) -> None:
    """One object a line; a channel that was not measured is left out."""
    pieces = [pc.binary_join_element_wise('{"device":"', table["device"], '","time":', _text(table["time"]),
                                          ',"received":', _text(table["received"]), "")]  # fmt: skip
    for name in CHANNELS:
        cell = pc.binary_join_element_wise(f',"{name}":', _text(table[name]), "")
        pieces.append(pc.fill_null(cell, ""))
    lines = pc.binary_join_element_wise(*pieces, "}\n", "")
    with path.open("wb") as file:
        file.write("".join(lines.to_pylist()).encode())


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.string())
