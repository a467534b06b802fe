"""Rows and the contract → the verdict and the keys of rejected rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.errors import DataError, ParamsError
from pipelines.params import ChannelSpec, Contract
from pipelines.validate.contract import NAMES, Table, compile_rules, judged
from pipelines.validate.expectations import expect
from pipelines.validate.facts import dataset_facts, device_facts
from pipelines.validate.rows import RULES, rejected_rows
from pipelines.validate.verdict import Verdict

COUNTS = ("records", "accepted", "quarantined", "duplicates", "cells_quarantined")


@dataclass(frozen=True)
class Validation:
    """verdict, and rejected: device, time, rule."""

    verdict: Verdict
    rejected: pd.DataFrame


def validate(
    dataset: str,
    rows: pd.DataFrame,
    report: dict[str, Any],
    channels: dict[str, ChannelSpec],
    contract: Contract,
    docs: Path | None = None,
) -> Validation:
    """Judge a dataset's rows. report: ingest's accounting. docs: folder of the Data Docs, or None for none.

    rows: device, time, received (UTC), channels float32; sorted by device, time, received; not changed.
    Raises ParamsError for an unknown rule in warn_only, DataError where the rows are none or lack a channel.
    """
    _check(dataset, rows, channels, contract)
    rejected = rejected_rows(rows, channels, contract.row_missing_max)
    tables: dict[Table, pd.DataFrame] = {
        "rows": _kept(rows, rejected)[list(channels)],
        "devices": device_facts(rows, tuple(channels)),
        "dataset": dataset_facts(rows, rejected, int(report["records"]), int(report["quarantined"])),
    }
    rules = compile_rules(dataset, channels, contract)
    passed = expect(rules, tables, docs)
    results = tuple(judged(rule, ok, tables) for rule, ok in zip(rules, passed, strict=True))
    by_rule = {rule: int((rejected["rule"] == rule).sum()) for rule in RULES}
    verdict = Verdict(dataset, results, len(rows), by_rule, {name: int(report[name]) for name in COUNTS})
    return Validation(verdict, rejected)


def _kept(rows: pd.DataFrame, rejected: pd.DataFrame) -> pd.DataFrame:
    if rejected.empty:
        return rows
    keys = pd.MultiIndex.from_frame(rejected[["device", "time"]])
    inside = pd.MultiIndex.from_frame(rows[["device", "time"]]).isin(keys)
    return rows[~np.asarray(inside)]


def _check(dataset: str, rows: pd.DataFrame, channels: dict[str, ChannelSpec], contract: Contract) -> None:
    unknown = sorted(set(contract.warn_only) - set(NAMES))
    if unknown:
        raise ParamsError(
            f"datasets.{dataset}.contract.warn_only: no table rule {unknown[0]!r}; expected one of {', '.join(NAMES)}"
        )
    if rows.empty:
        raise DataError(f"dataset {dataset!r} has no rows; look at its quarantine, or add raw files and ingest again")
    absent = [name for name in channels if name not in rows]
    if absent:
        raise DataError(f"the rows of {dataset!r} lack channel {absent[0]!r}; run `fleetloop stage ingest {dataset}`")
