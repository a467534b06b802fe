"""The contract's table rules, compiled from params.yaml: which column of which table, which limit, in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.params import ChannelSpec, Contract

Table = Literal["channels", "devices", "dataset"]
"""See `facts`: channels and dataset have one line, devices has one a device."""


@dataclass(frozen=True)
class TableRule:
    """One expectation: every value of a column lies in low..high."""

    name: str
    table: Table
    column: str
    low: float | None = None
    high: float | None = None
    key: str = ""  # of params.yaml, below the dataset
    warn: bool = False

    @property
    def limit(self) -> float:
        """The limit as shown; of two, the upper."""
        return float(next(v for v in (self.high, self.low) if v is not None))

    @property
    def channel(self) -> str:
        """The channel (or the pair) that the column is about."""
        head, dot, tail = self.column.partition(".")
        return tail if head == "pair" and dot else self.column.rpartition(".")[0] if dot else ""


@dataclass(frozen=True)
class TableResult:
    """A table rule's outcome; `sentence` can be read aloud and names rule, value, limit and next step."""

    rule: str
    column: str
    value: float
    limit: float
    passed: bool
    warning: bool  # it failed and only warns
    sentence: str


_DEVICE_RULES = {  # name: column, key of the contract, whether the limit is the lowest allowed
    "longest_gap_s": ("longest_gap_s", "gap_s_max", False),
    "rate": ("rate", "rate_min", True),
    "turned_share": ("turned_share", "turned_share_max", False),
    "ahead_s": ("ahead_s", "ahead_s_max", False),
    "skew_s": ("skew_s", "skew_s_max", False),
    "delay_s": ("delay_s", "delay_s_max", False),
    "stale_s": ("stale_s", "stale_s_max", False),
}


_Bounds = tuple[str, Table, str, str, float | None, float | None]
"""name, table, column, key below the dataset, low, high."""


def compile_rules(dataset: str, channels: dict[str, ChannelSpec], contract: Contract) -> tuple[TableRule, ...]:
    """Every table rule of the contract; the optional ones only where params.yaml sets them."""
    return tuple(
        TableRule(name, table, column, low, high, f"datasets.{dataset}.{key}", name in contract.warn_only)
        for bounds in (_of_channels(channels, contract), _of_shares(contract), _of_devices(channels, contract))
        for name, table, column, key, low, high in bounds
    )


def _of_channels(channels: dict[str, ChannelSpec], contract: Contract) -> Iterator[_Bounds]:
    for name, spec in channels.items():
        low, high = (float(np.float32(limit)) for limit in (spec.min, spec.max))  # as the rows were rounded
        for end in ("lowest", "highest"):
            yield "in_range", "channels", f"{name}.{end}", f"channels.{name}", low, high
        most = contract.missing_share_max
        yield "missing_share", "channels", f"{name}.missing_share", "contract.missing_share_max", None, most


def _of_shares(contract: Contract) -> Iterator[_Bounds]:
    for name in ("quarantine_share", "duplicates_share", "rejected_share"):
        most = getattr(contract, f"{name}_max")
        if most is not None:
            yield name, "dataset", name, f"contract.{name}_max", None, most
    yield "devices", "dataset", "devices", "contract.devices_min", contract.devices_min, None
    for pair in contract.pairs:
        if not pair.reject:
            yield "pair_share", "dataset", f"pair.{pair.name}", "contract.pairs", None, pair.share_max


def _of_devices(channels: dict[str, ChannelSpec], contract: Contract) -> Iterator[_Bounds]:
    for name, (column, key, lowest) in _DEVICE_RULES.items():
        limit = getattr(contract, key)
        if limit is not None:
            yield name, "devices", column, f"contract.{key}", limit if lowest else None, None if lowest else limit
    most = contract.flat_rows_max
    for channel in channels if most is not None else ():
        yield "longest_flat", "devices", f"{channel}.longest_flat", "contract.flat_rows_max", None, most


def judged(rule: TableRule, passed: bool, tables: dict[Table, pd.DataFrame]) -> TableResult:
    """The rule's outcome in words. passed: what Great Expectations said."""
    value, culprit = _observed(rule, tables[rule.table])
    says = _SAYS[rule.name](rule, value, culprit)
    advice = "" if passed else f"; {_NEXT[rule.name].format(key=rule.key)}"
    return TableResult(rule.name, rule.column, value, rule.limit, passed, not passed and rule.warn, f"{says}{advice}")


def _observed(rule: TableRule, table: pd.DataFrame) -> tuple[float, str]:
    """The worst value of the column, and the device that it belongs to."""
    values = table[rule.column].to_numpy()
    worst = int(values.argmin() if rule.high is None else values.argmax())
    found: Any = values[worst]
    return round(float(found), 9), str(table["device"].iloc[worst]) if rule.table == "devices" else ""


_Says = Callable[[TableRule, float, str], str]
_SAYS: dict[str, _Says] = {
    "in_range": lambda r, v, _: (
        f"channel {r.channel!r} of the kept rows lies in {r.low:g}..{r.high:g}, {r.column.rpartition('.')[2]} {v:.6g}"
    ),
    "missing_share": lambda r, v, _: f"channel {r.channel!r} is missing in {v:.2%} of the rows, limit {r.limit:.2%}",
    "quarantine_share": lambda r, v, _: f"{v:.2%} of the records are in quarantine, limit {r.limit:.2%}",
    "duplicates_share": lambda r, v, _: f"{v:.2%} of the records were sent before, limit {r.limit:.2%}",
    "rejected_share": lambda r, v, _: f"{v:.2%} of the rows break a row rule, limit {r.limit:.2%}",
    "pair_share": lambda r, v, _: f"{v:.2%} of the rows break the rule {r.channel!r}, limit {r.limit:.2%}",
    "devices": lambda r, v, _: f"there are {v:g} devices, at least {r.limit:g} wanted",
    "longest_gap_s": lambda r, v, d: f"device {d!r} is silent for {v:g} s, limit {r.limit:g} s",
    "rate": lambda r, v, d: f"device {d!r} sent {v:.1%} of the rows that its period promises, at least {r.limit:.1%}",
    "turned_share": lambda r, v, d: f"{v:.2%} of device {d!r}'s rows came out of order, limit {r.limit:.2%}",
    "ahead_s": lambda r, v, d: f"the clock of device {d!r} runs {v:g} s ahead of receipt, limit {r.limit:g} s",
    "skew_s": lambda r, v, d: f"the clock of device {d!r} is {v:g} s off the fleet's, limit {r.limit:g} s",
    "delay_s": lambda r, v, d: f"rows of device {d!r} arrive {v:g} s late (median), limit {r.limit:g} s",
    "stale_s": lambda r, v, d: f"device {d!r} was last heard {v:g} s before the newest receipt, limit {r.limit:g} s",
    "longest_flat": lambda r, v, d: (
        f"channel {r.channel!r} of device {d!r} keeps one value for {v:g} rows, limit {r.limit:g}"
    ),
}
_NEXT = {
    "in_range": "see the row rule out_of_range and {key} in params.yaml",
    "missing_share": "look at the channel's mapping and its cells in quarantine, or raise {key} in params.yaml",
    "quarantine_share": "see `fleetloop quarantine show`, or raise {key} in params.yaml",
    "duplicates_share": "look at what sends twice, or raise {key} in params.yaml",
    "rejected_share": "see the rules in rejected.parquet, or raise {key} in params.yaml",
    "pair_share": "look at the two sensors, or correct the rule in {key} in params.yaml",
    "devices": "add raw files, or lower {key} in params.yaml",
    "longest_gap_s": "look for files that never came, or raise {key} in params.yaml",
    "rate": "look for files that never came, or lower {key} in params.yaml",
    "turned_share": "look at the gateway's buffer, or raise {key} in params.yaml",
    "ahead_s": "set the device's clock, correct it in the source's mapping, or raise {key} in params.yaml",
    "skew_s": "set the device's clock, correct it in the source's mapping, or raise {key} in params.yaml",
    "delay_s": "look at the way the rows take, or raise {key} in params.yaml",
    "stale_s": "look whether the device still sends, or raise {key} in params.yaml",
    "longest_flat": "look at the sensor, or raise {key} in params.yaml",
}
NAMES = tuple(_SAYS)
WARNABLE = (*NAMES, "fresh")
"""What `contract.warn_only` may name; `fresh` is judged by `Verdict.fresh`."""
