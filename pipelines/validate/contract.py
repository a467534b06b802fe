"""The contract's table rules, compiled from params.yaml: which column of which table, which limit, in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from pipelines.params import ChannelSpec, Contract

Table = Literal["rows", "devices", "dataset"]
"""rows: one line a row that the row rules kept; devices: one a device; dataset: one in all (see `facts`)."""

NAMES = (
    "in_range",
    "missing_share",
    "quarantine_share",
    "rejected_share",
    "devices",
    "longest_gap_s",
    "longest_flat",
)
"""What `contract.warn_only` may name."""


@dataclass(frozen=True)
class TableRule:
    """One expectation on one column. Without low and high it bounds the share of missing values (`missing`)."""

    name: str
    table: Table
    column: str
    low: float | None = None
    high: float | None = None
    missing: float | None = None
    key: str = ""  # of params.yaml, below the dataset
    warn: bool = False

    @property
    def limit(self) -> float:
        """The limit as shown; of two, the upper."""
        found = next(v for v in (self.missing, self.high, self.low) if v is not None)
        return float(found)


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


def compile_rules(dataset: str, channels: dict[str, ChannelSpec], contract: Contract) -> tuple[TableRule, ...]:
    """Every table rule of the contract; the optional ones only where params.yaml sets them."""

    def rule(name: str, table: Table, column: str, key: str, **limits: float) -> TableRule:
        return TableRule(
            name, table, column, key=f"datasets.{dataset}.{key}", warn=name in contract.warn_only, **limits
        )

    rules = [rule("in_range", "rows", c, f"channels.{c}", low=s.min, high=s.max) for c, s in channels.items()]
    rules += [
        rule("missing_share", "rows", c, "contract.missing_share_max", missing=contract.missing_share_max)
        for c in channels
    ]
    shares = ("quarantine_share", contract.quarantine_share_max), ("rejected_share", contract.rejected_share_max)
    rules += [rule(name, "dataset", name, f"contract.{name}_max", high=high) for name, high in shares]
    rules.append(rule("devices", "dataset", "devices", "contract.devices_min", low=contract.devices_min))
    if contract.gap_s_max is not None:
        rules.append(rule("longest_gap_s", "devices", "longest_gap_s", "contract.gap_s_max", high=contract.gap_s_max))
    if contract.flat_rows_max is not None:
        rules += [
            rule("longest_flat", "devices", f"{c}.longest_flat", "contract.flat_rows_max", high=contract.flat_rows_max)
            for c in channels
        ]
    return tuple(rules)


def judged(rule: TableRule, passed: bool, tables: dict[Table, pd.DataFrame]) -> TableResult:
    """The rule's outcome in words. passed: what Great Expectations said."""
    value, culprit = _observed(rule, tables[rule.table])
    says = _SAYS[rule.name](rule, value, culprit)
    advice = "" if passed else f"; {_NEXT[rule.name].format(key=rule.key)}"
    return TableResult(rule.name, rule.column, value, rule.limit, passed, not passed and rule.warn, f"{says}{advice}")


def _observed(rule: TableRule, table: pd.DataFrame) -> tuple[float, str]:
    """The value that the rule is about, and the device that it belongs to."""
    if rule.name == "missing_share":
        return round(float(table[rule.column].isna().sum()) / max(len(table), 1), 9), ""
    if rule.name == "in_range":
        highest = table[rule.column].max()
        return (float(highest) if pd.notna(highest) else 0.0), ""
    worst = int(table[rule.column].to_numpy().argmax())
    found: Any = table[rule.column].iloc[worst]
    return round(float(found), 9), str(table["device"].iloc[worst]) if rule.table == "devices" else ""


_Says = Callable[[TableRule, float, str], str]
_SAYS: dict[str, _Says] = {
    "in_range": lambda r, v, _: f"channel {r.column!r} of the kept rows lies in {r.low:g}..{r.high:g}, highest {v:.6g}",
    "missing_share": lambda r, v, _: f"channel {r.column!r} is missing in {v:.2%} of the rows, limit {r.limit:.2%}",
    "quarantine_share": lambda r, v, _: f"{v:.2%} of the records are in quarantine, limit {r.limit:.2%}",
    "rejected_share": lambda r, v, _: f"{v:.2%} of the rows break a row rule, limit {r.limit:.2%}",
    "devices": lambda r, v, _: f"there are {v:g} devices, at least {r.limit:g} wanted",
    "longest_gap_s": lambda r, v, d: f"device {d!r} is silent for {v:g} s, limit {r.limit:g} s",
    "longest_flat": lambda r, v, d: (
        f"channel {r.column.removesuffix('.longest_flat')!r} of device {d!r} keeps one value for {v:g} rows, "
        f"limit {r.limit:g}"
    ),
}
_NEXT = {
    "in_range": "see the row rule out_of_range and {key} in params.yaml",
    "missing_share": "look at the channel's mapping and its cells in quarantine, or raise {key} in params.yaml",
    "quarantine_share": "see the reasons in the dataset's quarantine, or raise {key} in params.yaml",
    "rejected_share": "see the rules in rejected.parquet, or raise {key} in params.yaml",
    "devices": "add raw files, or lower {key} in params.yaml",
    "longest_gap_s": "look for files that never came, or raise {key} in params.yaml",
    "longest_flat": "look at the sensor, or raise {key} in params.yaml",
}
