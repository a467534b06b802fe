"""The quarantine, summed up; and what a corrected mapping makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipelines.files import Place, write_json
from pipelines.ingest.account import COUNTS
from pipelines.ingest.ingest import ingest
from pipelines.ingest.read import ingest_report, read_quarantine
from pipelines.params import Params

KINDS = ["source", "channel", "rule"]
_ENTRY = ["source", "file", "record", "channel", "device", "rule"]


@dataclass(frozen=True)
class Redriven:
    """What changed. before, after: rows, and each of account.COUNTS. released, added: as `kinds` gives it."""

    before: dict[str, int]
    after: dict[str, int]
    released: pd.DataFrame
    added: pd.DataFrame

    @property
    def changed(self) -> bool:
        return self.before != self.after or len(self.released) > 0 or len(self.added) > 0


def kinds(quarantine: pd.DataFrame) -> pd.DataFrame:
    """source, channel, rule, entries, files, and the file, record, reason and raw bytes of the first; most first."""
    groups = quarantine.groupby(KINDS, dropna=False, sort=True)
    found = groups.agg(
        entries=("record", "size"),
        files=("file", "nunique"),
        file=("file", "first"),
        record=("record", "first"),
        reason=("reason", "first"),
        raw=("raw", "first"),
    ).reset_index()
    ordered: pd.DataFrame = found.sort_values("entries", ascending=False, kind="stable", ignore_index=True)
    return ordered


def redrive(place: Place, name: str, params: Params, judge: Callable[[], None]) -> Redriven:
    """Ingest again with params.yaml as it is now: files whose mapping changed go through it anew, no others.

    judge: lets the contract's row rules judge the rows that came of it. Raises DataError where the dataset was never
    ingested.
    """
    before, old = _counts(ingest_report(place, name)), read_quarantine(place, name)
    room = place.room(name, "ingest")
    report = ingest(name, params.dataset(name), place.raw(name), room / "tables", params.compute)
    write_json(room / "report.json", report)
    judge()
    new = read_quarantine(place, name)
    return Redriven(before, _counts(report), kinds(_without(old, new)), kinds(_without(new, old)))


def _counts(report: dict[str, Any]) -> dict[str, int]:
    return {key: int(report[key]) for key in ("rows", *COUNTS)}


def _without(some: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """The entries of `some` that `others` lacks."""
    known = pd.MultiIndex.from_frame(others[_ENTRY].fillna(""))
    left: pd.DataFrame = some[~pd.MultiIndex.from_frame(some[_ENTRY].fillna("")).isin(known)]
    return left
