"""Cleaning as `benchmarks.features` compares it: one definition, in each peer's own idiom, equal on every cell.

Raw rows (device, time, received, c0 …, sorted by device and time, NaN where missing) become a grid: slot k is
[k, k+1) periods, takes the rows received by its end, and keeps each channel's newest value. A silence of more than
FILL slots ends a segment; the first FILL silent slots after a slot are there, held. Hampel, exact: a value is left out
if it lies further than SIGMAS x max(1.4826 x MAD, LEAST) from the median of the channel's last WINDOW measured values,
itself among them, of its segment; none is judged before WINDOW // 2 + 1 of them. Then each channel holds its last clean
value for at most FILL slots. Given back: device, slot and the channels, sorted by device and slot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PERIOD, FILL, WINDOW, SIGMAS, LEAST = 60_000_000, 3, 11, 4.0, 0.02
MAD_TO_SD = 1.4826


def pandas_clean(table: pd.DataFrame) -> pd.DataFrame:
    """Groups for the grid; windows as a view, sorted, for the median and the exact MAD."""
    channels = [name for name in table if name.startswith("c")]
    slot = table["time"].astype("int64") // PERIOD
    on_time = table["received"].astype("int64") <= (slot + 1) * PERIOD
    grid = table.assign(slot=slot)[on_time].groupby(["device", "slot"])[channels].last()
    grid = grid.dropna(how="all").reset_index()
    step = grid["slot"].diff()
    newborn = grid["device"] != grid["device"].shift()
    segment = (newborn | (step - 1 > FILL)).cumsum()
    for name in channels:
        known = grid[name].notna()
        grid.loc[known, name] = _without_spikes(grid.loc[known, name], segment[known])
    silent = (grid["slot"].shift(-1) - grid["slot"] - 1).where(grid["device"] == grid["device"].shift(-1), 0)
    copies = silent.fillna(0).clip(0, FILL).astype(int) + 1
    held = grid.loc[grid.index.repeat(copies)]
    ahead = held.groupby(level=0).cumcount().to_numpy()
    held = held.assign(slot=held["slot"] + ahead)
    held.loc[ahead > 0, channels] = np.nan
    held[channels] = held.groupby(segment.loc[held.index].to_numpy())[channels].ffill(limit=FILL)
    return held.reset_index(drop=True)


def _without_spikes(x: pd.Series, segment: pd.Series) -> pd.Series:
    before = segment.groupby(segment).cumcount().to_numpy()  # values of the segment
    padded = np.concatenate([np.full(WINDOW - 1, np.nan), x.to_numpy(dtype=np.float64)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    windows = np.where(np.arange(WINDOW - 1, -1, -1) <= before[:, None], windows, np.nan)
    count = np.minimum(before + 1, WINDOW)
    middle = _median(windows, count)
    spread = MAD_TO_SD * _median(np.abs(windows - middle[:, None]), count)
    away = np.abs(x.to_numpy(dtype=np.float64) - middle)
    return x.mask((count >= WINDOW // 2 + 1) & (away > SIGMAS * np.maximum(spread, LEAST)))


def _median(windows: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each row's `count` values; the missing ones sort last."""
    ordered, row = np.sort(windows, axis=1), np.arange(len(windows))
    found: NDArray[np.float64] = 0.5 * (ordered[row, (count - 1) // 2] + ordered[row, count // 2])
    return found


def polars_clean(table: Any) -> Any:
    """Group, rolling median, the median of shifted distances; missing values are null."""
    import polars as pl

    channels = [name for name in table.columns if name.startswith("c")]
    slot = pl.col("time").cast(pl.Int64) // PERIOD
    grid = (
        table.lazy()
        .with_columns(slot=slot)
        .filter(pl.col("received").cast(pl.Int64) <= (pl.col("slot") + 1) * PERIOD)
        .group_by("device", "slot", maintain_order=True)
        .agg(pl.col(channels).drop_nulls().last())
        .filter(pl.any_horizontal(pl.col(channels).is_not_null()))
        .sort("device", "slot")
        .with_columns(newborn=pl.col("device") != pl.col("device").shift(1, fill_value=""))
        .with_columns(segment=(pl.col("newborn") | (pl.col("slot").diff() - 1 > FILL)).cum_sum())
        .collect()
    )
    grid = grid.with_columns(_polars_without_spikes(grid, name) for name in channels)
    ahead = (pl.col("slot").shift(-1) - pl.col("slot")).clip(upper_bound=FILL + 1)
    same = pl.col("device") == pl.col("device").shift(-1)
    slots = grid.select("device", "segment", "slot", copies=pl.when(same).then(ahead).otherwise(1))
    slots = slots.with_columns(slot=pl.int_ranges("slot", pl.col("slot") + pl.col("copies"))).explode("slot")
    held = slots.join(grid.drop("segment"), on=["device", "slot"], how="left", maintain_order="left")
    return held.with_columns(pl.col(channels).forward_fill(limit=FILL).over("segment"))


def _polars_without_spikes(grid: Any, name: str) -> Any:
    import polars as pl

    x, before = pl.col("x"), pl.col("before")
    known = grid.select(
        "segment", x=pl.col(name).cast(pl.Float64), at=pl.int_range(pl.len()),
    ).drop_nulls("x").with_columns(before=pl.int_range(pl.len()).over("segment"))  # fmt: skip
    known = known.with_columns(middle=x.rolling_median(WINDOW, min_samples=1).over("segment"))
    away = [pl.when(before >= k).then((x.shift(k) - pl.col("middle")).abs()) for k in range(WINDOW)]
    spread = MAD_TO_SD * pl.concat_arr(away).arr.median()
    spike = (before >= WINDOW // 2) & ((x - pl.col("middle")).abs() > SIGMAS * pl.max_horizontal(spread, pl.lit(LEAST)))
    spikes = known.filter(spike)["at"]
    return grid[name].scatter(spikes, None)


DUCKDB = f"""
with placed as (
    select *, epoch_us(time) // {PERIOD} as slot from raw
), heard as (
    select device, slot, {{newest}} from placed where epoch_us(received) <= (slot + 1) * {PERIOD}
    group by device, slot having {{any}}
), gaps as (
    select *, slot - lag(slot) over w as step, lead(slot) over w - slot as ahead from heard
    window w as (partition by device order by slot)
), grid as (
    select * exclude (step, ahead), least(coalesce(ahead, 1), {FILL + 1}) as copies,
        count(*) filter (step is null or step - 1 > {FILL}) over (partition by device order by slot) as segment
    from gaps
), long as (
    unpivot (select device, segment, slot, {{channels}} from grid) on {{channels}} into name channel value x
), judged as (
    select *, median(x::double) over w as middle, mad(x::double) over w as spread, count(*) over w as n from long
    window w as (
        partition by device, segment, channel order by slot rows between {WINDOW - 1} preceding and current row
    )
), clean as (
    select device, slot, {{back}} from judged
    where n < {WINDOW // 2 + 1} or abs(x::double - middle) <= {SIGMAS} * greatest({MAD_TO_SD} * spread, {LEAST})
    group by device, slot
), slots as (
    select device, segment, unnest(range(slot, slot + copies)) as slot from grid
)
select device, slot, {{held}} from slots left join clean using (device, slot)
window w as (partition by device, segment order by slot rows between {FILL} preceding and current row)
order by device, slot
"""


def duckdb_clean(table: pd.DataFrame) -> pd.DataFrame:
    """One query; DuckDB has both medians as window functions."""
    import duckdb

    names = [name for name in table if name.startswith("c")]
    query = DUCKDB.format(
        newest=", ".join(f"last({c} order by time, received) filter ({c} is not null) as {c}" for c in names),
        any=" or ".join(f"count({c}) > 0" for c in names),
        channels=", ".join(names),
        back=", ".join(f"any_value(x) filter (channel = '{c}') as {c}" for c in names),
        held=", ".join(f"last_value({c} ignore nulls) over w as {c}" for c in names),
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("raw", table)
        return connection.sql(query).df()
