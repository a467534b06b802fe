"""What `benchmarks.features` compares with, each in its own idiom: the same statistics of the same values.

Every peer takes the long table (device, c0 …, float32, NaN where missing) and gives the features of the rows asked for,
so that the outputs can be compared. Polars' missing values are null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
WINDOWS = (15, 60, 240)
STATS: tuple[Any, ...] = ("mean", "std", "min", "max", "slope", "delta")
CORE = ("mean", "std", "min", "max")
"""What coreforecast has of them."""


def pandas_rolling(table: pd.DataFrame, rows: NDArray[np.int64]) -> Float32:
    """groupby.rolling; the slope from rolling sums."""
    names = [name for name in table if name != "device"]
    place = table.groupby("device", sort=False).cumcount().astype("float64")
    x = table[names].astype("float64")
    known = x.notna().astype("float64")
    t = known.mul(place, axis=0)
    sources = {"x": x, "n": known, "t": t, "tt": t.mul(place, axis=0), "xt": x.mul(place, axis=0)}
    grouped = {k: v.groupby(table["device"], sort=False) for k, v in sources.items()}
    found = {}
    for w in WINDOWS:
        rolling = grouped["x"].rolling(w, min_periods=1)
        mean = rolling.mean().to_numpy()
        found |= {(w, "mean"): mean, (w, "std"): rolling.std(ddof=0).to_numpy(), (w, "min"): rolling.min().to_numpy()}
        found |= {(w, "max"): rolling.max().to_numpy(), (w, "delta"): x.to_numpy() - mean}
        sums = {k: g.rolling(w, min_periods=1).sum().to_numpy() for k, g in grouped.items()}
        found[w, "slope"] = _slope(sums)
    return np.concatenate([found[w, s][rows] for w in WINDOWS for s in STATS], axis=1).astype(np.float32)


def _slope(sums: dict[str, Any]) -> Any:
    n, t = sums["n"], sums["t"]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n * sums["xt"] - t * sums["x"]) / (n * sums["tt"] - t * t)


def polars_over(frame: Any, rows: NDArray[np.int64]) -> Float32:
    """Rolling expressions over the device."""
    return _taken(frame.with_columns(_expressions(frame, over=True)), frame, rows)


def polars_slices(frame: Any, rows: NDArray[np.int64]) -> Float32:
    """The same device by device, without grouping."""
    parts, first = [], 0
    for part in frame.partition_by("device", maintain_order=True):
        mine = rows[(rows >= first) & (rows < first + len(part))] - first
        parts.append(_taken(part.with_columns(_expressions(part, over=False)), part, mine))
        first += len(part)
    return np.concatenate(parts)


def to_polars(table: pd.DataFrame) -> Any:
    """The table as Polars takes it, with each row's place in its device's history."""
    import polars as pl

    frame = pl.from_pandas(table, nan_to_null=True)
    place = pl.int_range(pl.len()).over("device").cast(pl.Float64).alias("place")
    return frame.with_columns(place, pl.exclude("device").cast(pl.Float64))


def _expressions(frame: Any, over: bool) -> list[Any]:
    import polars as pl

    def windowed(expression: Any) -> Any:
        return expression.over("device") if over else expression

    found = []
    for name in frame.columns:
        if name in ("device", "place"):
            continue
        x, t = pl.col(name), pl.col("place")
        known = x.is_not_null().cast(pl.Float64)
        for w in WINDOWS:
            of = {"window_size": w, "min_samples": 1}
            sums = [windowed(e.rolling_sum(**of)) for e in (known, known * t, known * t * t, x, x * t)]
            n, st, stt, sx, sxt = sums
            mean = windowed(x.rolling_mean(**of))
            made = {
                "mean": mean,
                "std": windowed(x.rolling_std(ddof=0, **of)),
                "min": windowed(x.rolling_min(**of)),
                "max": windowed(x.rolling_max(**of)),
                "slope": (n * sxt - st * sx) / (n * stt - st * st),
                "delta": x - mean,
            }
            found += [e.cast(pl.Float32).alias(f"{name}.{stat}.{w}") for stat, e in made.items()]
    return found


def _taken(made: Any, frame: Any, rows: NDArray[np.int64]) -> Float32:
    names = [name for name in frame.columns if name not in ("device", "place")]
    columns = [f"{name}.{stat}.{w}" for w in WINDOWS for stat in STATS for name in names]
    found: Float32 = made[rows.tolist()].select(columns).to_numpy().astype(np.float32)
    return found


def coreforecast_rolling(values: Float32, size: int, rows: NDArray[np.int64], keep: bool) -> tuple[int, Float32]:
    """CORE of each channel (S, n), `size` rows a device, in its grouped form; values made, and those of `rows`.

    keep: the whole output is there at the end, as for those who want a table.
    """
    from coreforecast import lag_transforms as lag
    from coreforecast.grouped_array import GroupedArray

    made, taken, kept = 0, [], []
    groups = [GroupedArray(x, np.arange(0, len(x) + 1, size, dtype=np.int32), num_threads=1) for x in values]
    for w in WINDOWS:
        for kind in (lag.RollingMean, lag.RollingStd, lag.RollingMin, lag.RollingMax):
            for group in groups:
                found = kind(lag=0, window_size=w, min_samples=1, skipna=True).transform(group)
                made += len(found)
                taken.append(found[rows])
                if keep:
                    kept.append(found)
    return made, np.stack(taken, axis=1)


def with_whole_deviation(taken: Float32, values: Float32, size: int, rows: NDArray[np.int64]) -> Float32:
    """What `coreforecast_rolling` gave of `rows`, its deviations divided by n, as ours are, and not by n - 1."""
    made = taken.reshape(len(rows), len(WINDOWS), len(CORE), len(values)).copy()
    for i, row in enumerate(rows):
        for w, length in enumerate(WINDOWS):
            n = np.isfinite(values[:, max(row - row % size, row - length + 1) : row + 1]).sum(axis=1)
            whole = made[i, w, CORE.index("std")] * np.sqrt((n - 1) / np.maximum(n, 1))
            made[i, w, CORE.index("std")] = np.where(n > 1, whole, np.where(n == 1, 0, np.nan))
    return made.reshape(taken.shape)


def tsfresh_rolled(values: Float32) -> int:
    """The same statistics of one device's first channels, by rolled copies. Returns values made."""
    from tsfresh import extract_features
    from tsfresh.utilities.dataframe_functions import roll_time_series

    frame = pd.DataFrame(np.nan_to_num(values.T), columns=[f"c{i}" for i in range(len(values))])
    frame = frame.assign(id=0, time=np.arange(len(frame)))
    asked = {"mean": None, "standard_deviation": None, "minimum": None, "maximum": None}
    asked |= {"linear_trend": [{"attr": "slope"}]}
    made = 0
    for w in WINDOWS[:2]:
        quiet = {"disable_progressbar": True, "n_jobs": 0}
        rolled = roll_time_series(frame, "id", "time", max_timeshift=w - 1, **quiet)
        made += extract_features(rolled, column_id="id", column_sort="time", default_fc_parameters=asked, **quiet).size
    return made
