"""Jobs of `benchmarks.features`: raw rows cleaned by us and by others, in memory and bucket by bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import clean_peers as peers
from benchmarks.jobs import Clock, Job, main
from fleetloop_edge.spec import Channel, FeatureSpec, Spike
from pipelines.features import build_grid

CHANNELS, DEVICE_ROWS = 20, 2000
ROWS, BUCKETS, TIMES = 1_000_000, 10, 10
"""Rows in memory; and for 10 M rows the buckets that these are cut into, and how often each of them stands."""
NAMES = tuple(f"c{i}" for i in range(CHANNELS))
MISSING, SPIKES, LOST, OUTAGES, LATE = 0.02, 0.001, 0.01, 2, 0.002
SPAN = 200.0  # of a channel's range


def raw_rows(rows: int, seed: int) -> pd.DataFrame:
    """Rows of devices that drift, miss cells and whole rows, spike, fall silent and are sometimes late."""
    rng = np.random.default_rng(seed)
    place = np.arange(rows) % DEVICE_ROWS
    values = (1e3 + rng.normal(size=(rows, CHANNELS)) + 1e-3 * place[:, None]).astype(np.float32)
    values[rng.random(values.shape) < SPIKES] += 50
    values[rng.random(values.shape) < MISSING] = np.nan
    time = 1_700_000_040_000_000 + place * peers.PERIOD + rng.integers(0, 50_000_000, rows)
    late = rng.random(rows) < LATE
    there = rng.random(rows) >= LOST
    for device in range(0, rows, DEVICE_ROWS):
        for first in rng.integers(0, DEVICE_ROWS, OUTAGES):
            there[device + first : device + min(first + 40, DEVICE_ROWS)] = False
        last = device + np.flatnonzero(there[device : device + DEVICE_ROWS])[-5:]
        late[last] = False  # a late receipt would close slots after a device's last
    received = time + 1_000_000 + late * 3 * peers.PERIOD
    names = np.char.add("device-", np.char.zfill((np.arange(rows) // DEVICE_ROWS).astype("U5"), 5))
    table = pd.DataFrame(dict(zip(NAMES, values.T, strict=True)))
    for at, (name, when) in enumerate((("time", time), ("received", received))):
        table.insert(at, name, pd.DatetimeIndex(when.view("datetime64[us]")).tz_localize("UTC"))
    table.insert(0, "device", pd.Series(names, dtype="str"))
    return table[there].reset_index(drop=True)


def our_grid(table: pd.DataFrame) -> pd.DataFrame:
    """The grid by the definition of `clean_peers`."""
    spike = Spike(peers.WINDOW, peers.SIGMAS, peers.LEAST / SPAN)
    spec = FeatureSpec(NAMES, peers.PERIOD / 1e6, fill=peers.FILL, spike=spike)
    channels = [Channel(name, "", 900.0, 900.0 + SPAN) for name in NAMES]
    return build_grid(table, table.iloc[:0][["device", "time"]], spec, channels)


def write_rows(folder: Path) -> None:
    """The raw rows as one table, and as buckets of whole devices."""
    table = raw_rows(ROWS, 0)
    table.to_parquet(folder / "raw.parquet")
    bucket = table["device"].str.removeprefix("device-").astype(int) * DEVICE_ROWS * BUCKETS // ROWS
    for k, part in table.groupby(bucket):
        part.reset_index(drop=True).to_parquet(folder / f"bucket={k}.parquet")


def check(folder: Path) -> None:
    """Every peer that ran must give our cells, all of them."""
    ours = pd.read_parquet(folder / "clean_ours.parquet")
    for path in folder.glob("clean_*.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(path), ours, check_exact=True, obj=path.stem)


def _warm() -> None:
    our_grid(raw_rows(2 * DEVICE_ROWS, 1))


def _ours(folder: Path, clock: Clock) -> int:
    table = pd.read_parquet(folder / "raw.parquet")
    _warm()
    with clock:
        grid = our_grid(table)
    _keep(folder, "ours", grid.assign(slot=grid["time"].astype("int64") // peers.PERIOD))
    return len(table)


def _peer(clean: Callable[[Any], Any], prepare: Callable[[pd.DataFrame], Any]) -> Job:
    def job(folder: Path, clock: Clock) -> int:
        table = pd.read_parquet(folder / "raw.parquet")
        clean(prepare(table.head(2 * DEVICE_ROWS)))
        prepared = prepare(table)
        with clock:
            grid = clean(prepared)
        _keep(folder, clean.__name__.removesuffix("_clean"), grid)
        return len(table)

    return job


def _keep(folder: Path, name: str, grid: Any) -> None:
    """device, slot and the channels, in the types of ours, for `check`."""
    frame = pd.DataFrame({column: grid[column].to_numpy() for column in ("device", "slot", *NAMES)})
    types = {"device": "str", "slot": "int64"} | dict.fromkeys(NAMES, "float32")
    frame.astype(types).to_parquet(folder / f"clean_{name}.parquet")


def _to_polars(table: pd.DataFrame) -> Any:
    import polars as pl

    return pl.from_pandas(table, nan_to_null=True)


def _clean_and_write(folder: Path, clock: Clock) -> int:
    from pipelines.files import write_table

    table = pd.read_parquet(folder / "raw.parquet")
    _warm()
    with clock:
        write_table(folder / "grid.parquet", our_grid(table))
    return len(table)


def _write(folder: Path, clock: Clock) -> int:
    """The codec alone: the same grid, already there as Arrow's table."""
    import pyarrow as pa

    from pipelines.files import write_table

    table = pd.read_parquet(folder / "raw.parquet")
    grid = pa.Table.from_pandas(our_grid(table), preserve_index=False)
    with clock:
        write_table(folder / "grid.parquet", grid)
    return len(table)


def _buckets(folder: Path, clock: Clock) -> int:
    """10 M rows as the stage takes them: read, cleaned and written bucket by bucket."""
    from pipelines.files import write_table

    _warm()
    done = 0
    with clock:
        for _ in range(TIMES):
            for path in sorted(folder.glob("bucket=*.parquet")):
                table = pd.read_parquet(path)
                write_table(folder / f"grid-{path.name}", our_grid(table))
                done += len(table)
    return done


def raw_bytes(folder: Path) -> int:
    """Of the raw rows in memory, as Arrow holds them."""
    import pyarrow.parquet as pq

    return int(pq.read_table(folder / "raw.parquet").nbytes)


JOBS: dict[str, Job] = {
    "ours": _ours,
    "pandas": _peer(peers.pandas_clean, lambda table: table),
    "polars": _peer(peers.polars_clean, _to_polars),
    "duckdb": _peer(peers.duckdb_clean, lambda table: table),
    "clean_and_write": _clean_and_write,
    "write": _write,
    "buckets": _buckets,
}

if __name__ == "__main__":
    main(JOBS)
