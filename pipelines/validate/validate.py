"""Rows and the contract → the verdict and the keys of rejected rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.errors import DataError, ParamsError
from pipelines.params import ChannelSpec, Contract
from pipelines.validate.contract import WARNABLE, Table, compile_rules, judged
from pipelines.validate.expectations import expect
from pipelines.validate.facts import Facts
from pipelines.validate.rows import rules_of
from pipelines.validate.verdict import Verdict

COUNTS = ("records", "accepted", "quarantined", "duplicates", "cells_quarantined", "expired")


@dataclass(frozen=True)
class Validation:
    """verdict, and rejected: device, time, rule."""

    verdict: Verdict
    rejected: pd.DataFrame


def validate(
    dataset: str,
    rows: pd.DataFrame | Iterable[pd.DataFrame],
    report: dict[str, Any],
    channels: dict[str, ChannelSpec],
    contract: Contract,
    docs: Path | None = None,
    period_s: float = 1.0,
) -> Validation:
    """Judge a dataset's rows. report: ingest's accounting. docs: folder of the Data Docs, or None for none.

    rows: device, time, received (UTC), channels float32; sorted by device, time, received; not changed. All at once,
    or in pieces that hold all rows of their devices. Raises ParamsError for an unknown rule in warn_only, DataError
    where the rows are none or lack a channel.
    """
    facts = gather(dataset, [rows] if isinstance(rows, pd.DataFrame) else rows, channels, contract, period_s)
    counts = {name: int(report[name]) for name in COUNTS}
    tables = tables_of(facts, counts)
    rules = compile_rules(dataset, channels, contract)
    passed = expect(rules, tables, docs)
    results = tuple(judged(rule, ok, tables) for rule, ok in zip(rules, passed, strict=True))
    rejected = facts.rejected_table()
    by_rule = {rule: int((rejected["rule"] == rule).sum()) for rule in rules_of(contract)}
    newest = facts.last_received / 1e6
    return Validation(Verdict(dataset, results, facts.rows, by_rule, counts, newest), rejected)


def gather(
    dataset: str, pieces: Iterable[pd.DataFrame], channels: dict[str, ChannelSpec], contract: Contract, period_s: float
) -> Facts:
    """One pass over the rows. Raises as `validate` does."""
    unknown = sorted(set(contract.warn_only) - set(WARNABLE))
    if unknown:
        raise ParamsError(
            f"datasets.{dataset}.contract.warn_only: no table rule {unknown[0]!r}; "
            f"expected one of {', '.join(WARNABLE)}"
        )
    facts = Facts(channels, contract, period_s)
    for rows in pieces:
        absent = [name for name in channels if name not in rows]
        if absent:
            raise DataError(
                f"the rows of {dataset!r} lack channel {absent[0]!r}; run `fleetloop stage ingest {dataset}`"
            )
        facts.see(rows)
    if not facts.rows:
        raise DataError(f"dataset {dataset!r} has no rows; look at its quarantine, or add raw files and ingest again")
    return facts


def tables_of(facts: Facts, counts: dict[str, int]) -> dict[Table, pd.DataFrame]:
    """What the rules are expected of. counts: ingest's account."""
    shares = facts.dataset_table(counts["records"], counts["quarantined"], counts["duplicates"])
    return {"channels": facts.channel_table(), "devices": facts.device_table(), "dataset": shares}
