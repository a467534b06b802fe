"""Row rules: which rows the contract rejects, and why. Everything else about them stays where it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.params import ChannelSpec, Contract, PairRule

KEYS = ("device", "time", "rule")
RULES = ("not_finite", "out_of_range", "row_missing", "duplicate")
Bool = NDArray[np.bool_]


def rules_of(contract: Contract) -> tuple[str, ...]:
    """Names of the row rules, those of pairs among them."""
    return (*RULES, *(pair.name for pair in contract.pairs if pair.reject))


def reasons_of(contract: Contract) -> dict[str, str]:
    """Why a row is rejected by each rule, in words."""
    why = {
        "not_finite": "a value of the row is not finite",
        "out_of_range": "a value of the row is outside its channel's range",
        "row_missing": f"more than {contract.row_missing_max:.0%} of the row's channels are missing",
        "duplicate": "another row of this device and moment says otherwise",
    }
    return why | {p.name: f"{p.low} is above {p.high} by more than {p.margin:g}" for p in contract.pairs if p.reject}


def rejected_rows(rows: pd.DataFrame, channels: dict[str, ChannelSpec], contract: Contract) -> pd.DataFrame:
    """device, time, rule of every row that breaks a row rule, sorted; a row may break more than one.

    rows: device, time, received and the channels (float32, NaN = missing), sorted by device, time, received.
    """
    values = rows[list(channels)].to_numpy(dtype=np.float32)
    broken = {
        "not_finite": np.isinf(values).any(axis=1),
        "out_of_range": out_of_range(values, channels).any(axis=1),
        "row_missing": np.isnan(values).mean(axis=1) > contract.row_missing_max,
        "duplicate": contradicted(rows, values),
    }
    broken |= {pair.name: pair_broken(rows, pair) for pair in contract.pairs if pair.reject}
    parts = [rows.loc[mask, ["device", "time"]].assign(rule=rule) for rule, mask in broken.items()]
    found = pd.concat(parts, ignore_index=True).drop_duplicates()
    ordered: pd.DataFrame = found.sort_values(list(KEYS), kind="stable", ignore_index=True)
    return ordered


def out_of_range(values: NDArray[np.float32], channels: dict[str, ChannelSpec]) -> Bool:
    """(n, C) finite values outside their channel's range, both ends allowed.

    The limits are rounded to float32 as the values were, so that a value at the limit stays inside.
    """
    low = np.array([c.min for c in channels.values()], dtype=np.float32)
    high = np.array([c.max for c in channels.values()], dtype=np.float32)
    outside: Bool = np.isfinite(values) & ((values < low) | (values > high))
    return outside


def contradicted(rows: pd.DataFrame, values: NDArray[np.float32]) -> Bool:
    """(n,) rows that share device and time with another and tell a different value of the same channel.

    Rows that repeat or complete one another are no contradiction: the grid merges them, as the device does.
    """
    shared = rows.duplicated(["device", "time"], keep=False).to_numpy()
    if not shared.any():
        return shared
    place = np.flatnonzero(shared)
    group = rows.iloc[place].groupby(["device", "time"], sort=False).ngroup().to_numpy()
    cells = pd.DataFrame(values[place])
    low, high = cells.groupby(group).transform("min"), cells.groupby(group).transform("max")
    found = np.zeros(len(rows), dtype=np.bool_)
    found[place] = ((high - low) > 0).any(axis=1).to_numpy()
    return found


def pair_broken(rows: pd.DataFrame, pair: PairRule) -> Bool:
    """(n,) rows whose two channels break the rule; where one of them is missing, nothing can be said."""
    low, high = (rows[name].to_numpy(dtype=np.float64) for name in (pair.low, pair.high))
    broken: Bool = low > high + pair.margin  # a comparison with NaN is never true
    return broken
