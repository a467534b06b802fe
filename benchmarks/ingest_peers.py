"""The work of `benchmarks.ingest` by pandas, Polars and DuckDB, each as its own people would write it to be fast.

Read, map milli-units, drop what is out of range, sort by device, time and receipt, keep the first of each device and
time, write one zstd-1 Parquet a bucket and month, and count by file. Each setting was chosen by measurement: pandas
and Arrow write floats split by byte (their default tries a dictionary first and takes three times as long); pandas
reads text by Arrow (its own readers take 1.6 times as long for CSV, 4 times for JSON Lines).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ingest_data import BUCKETS, CHANNELS, HIGH, LOW, SCALE
from pipelines.ingest import bucket_of

Counts = dict[str, tuple[int, int]]
"""File -> records, duplicates."""


def by_pandas(raw: Path, out: Path) -> Counts:
    import pandas as pd
    import pyarrow as pa

    pa.set_cpu_count(2)
    frames = [_pandas_read(path, pd) for path in sorted(raw.iterdir())]
    rows = pd.concat(frames, ignore_index=True)
    rows["device"] = rows["device"].astype("category")
    rows["file"] = pd.Categorical.from_codes(
        [i for i, frame in enumerate(frames) for _ in range(len(frame))], sorted(p.name for p in raw.iterdir())
    )
    del frames
    for name in CHANNELS:
        values = rows[name] * SCALE
        rows[name] = values.where(values.between(LOW, HIGH)).astype("float32")
    records = rows["file"].value_counts()
    rows = rows.sort_values(["device", "time", "received"], kind="stable")
    rows = rows.drop_duplicates(["device", "time"])
    kept = rows["file"].value_counts()
    buckets = {name: bucket_of(name, BUCKETS) for name in rows["device"].cat.categories}
    month = pd.to_datetime(rows["time"], unit="ms", utc=True).dt.strftime("%Y-%m").astype("category")
    for name in ("time", "received"):
        rows[name] = pd.to_datetime(rows[name], unit="ms", utc=True)
    encodings = dict.fromkeys(CHANNELS, "BYTE_STREAM_SPLIT") | dict.fromkeys(
        ("time", "received"), "DELTA_BINARY_PACKED"
    )
    bucket = rows["device"].map(buckets).astype("int64")
    for (part, span), group in rows.groupby([bucket, month], observed=True):
        folder = out / f"bucket={part}"
        folder.mkdir(parents=True, exist_ok=True)
        group.drop(columns="file").to_parquet(
            folder / f"{span}.parquet", index=False, compression="zstd", compression_level=1,
            use_dictionary=["device"], column_encoding=encodings,
        )  # fmt: skip
    return {name: (int(records[name]), int(records[name] - kept[name])) for name in records.index}


def _pandas_read(path: Path, pd: Any) -> Any:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=dict.fromkeys(CHANNELS, "float64"), engine="pyarrow")
    return pd.read_json(path, lines=True, engine="pyarrow")


def by_polars(raw: Path, out: Path) -> Counts:
    import polars as pl

    files = sorted(raw.iterdir())
    names = pl.col(*CHANNELS) * SCALE
    rows = (
        pl.scan_parquet(files, include_file_paths="file")
        .with_columns(
            pl.when(names.is_between(LOW, HIGH)).then(names).cast(pl.Float32),
            pl.col("device", "file").cast(pl.Categorical),
            pl.col("time", "received").cast(pl.Datetime("ms", "UTC")).dt.cast_time_unit("us"),
        )
        .collect(engine="streaming")
    )
    records = dict(rows["file"].value_counts().iter_rows())
    devices = rows["device"].unique().cast(pl.String).sort()
    buckets = [bucket_of(device, BUCKETS) for device in devices]
    kinds = {"rank": pl.UInt32, "bucket": pl.UInt8}
    order = pl.DataFrame({"device": devices, "rank": range(len(devices)), "bucket": buckets}, schema_overrides=kinds)
    new_device = pl.col("rank") != pl.col("rank").shift(1)
    new_time = (pl.col("time") != pl.col("time").shift(1)).fill_null(True)
    rows = (
        rows.lazy()
        .join(order.lazy().with_columns(pl.col("device").cast(pl.Categorical)), on="device")
        .sort("rank", "time", "received")
        .filter(new_device | new_time)
        .with_columns(month=pl.col("time").dt.truncate("1mo"))
        .collect()
    )
    kept = dict(rows["file"].value_counts().iter_rows())
    for (bucket, month), part in rows.partition_by("bucket", "month", as_dict=True).items():
        folder = out / f"bucket={bucket}"
        folder.mkdir(parents=True, exist_ok=True)
        part.select("device", "time", "received", *CHANNELS).write_parquet(
            folder / f"{month:%Y-%m}.parquet", compression="zstd", compression_level=1
        )
    return {Path(f).name: (count, count - kept[f]) for f, count in records.items()}


def by_duckdb(raw: Path, out: Path) -> Counts:
    import duckdb

    db = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False})
    out.mkdir(parents=True, exist_ok=True)
    devices = [d for (d,) in db.sql(f"select distinct device from read_parquet('{raw}/*.parquet')").fetchall()]
    db.execute("create table buckets (device varchar, bucket utinyint)")
    db.executemany("insert into buckets values (?, ?)", [(d, bucket_of(d, BUCKETS)) for d in devices])
    mapped = ", ".join(
        f"case when {c} * {SCALE} between {LOW} and {HIGH} then ({c} * {SCALE})::float end as {c}" for c in CHANNELS
    )
    db.execute(f"""
        create table kept as
        select device, make_timestamp(time * 1000) as time, make_timestamp(received * 1000) as received, {mapped},
               filename as file, bucket
        from read_parquet('{raw}/*.parquet', filename = true) join buckets using (device)
        qualify row_number() over (partition by device, time order by received) = 1
    """)
    columns = ", ".join(("device", "time::timestamptz as time", "received::timestamptz as received", *CHANNELS))
    months = db.sql("select distinct bucket, strftime(time, '%Y-%m') from kept").fetchall()
    for bucket, month in months:
        (out / f"bucket={bucket}").mkdir(exist_ok=True)
        db.execute(f"""
            copy (select {columns} from kept where bucket = {bucket} and time >= '{month}-01'::timestamp
                  and time < '{month}-01'::timestamp + interval 1 month order by device, time, received)
            to '{out}/bucket={bucket}/{month}.parquet' (format parquet, compression zstd, compression_level 1,
                                                        parquet_version v2)
        """)
    records = dict(
        db.sql(f"select filename, count(*) from read_parquet('{raw}/*.parquet', filename = true) group by 1").fetchall()
    )
    kept = dict(db.sql("select file, count(*) from kept group by 1").fetchall())
    return {Path(f).name: (count, count - kept[f]) for f, count in records.items()}


PEERS: dict[str, Callable[[Path, Path], Counts]] = {"pandas": by_pandas, "polars": by_polars, "duckdb": by_duckdb}
