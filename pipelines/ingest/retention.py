"""The retention policy of a dataset: which rows, entries of the quarantine and raw files are too old, and what stays.

Nothing is deleted here. The policy becomes cutoffs (see `expiry`) and a list; `flows.retention` acts on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.errors import ParamsError
from pipelines.files import Place, write_json
from pipelines.ingest.expiry import LEDGER, Cutoffs, read_cutoffs
from pipelines.ingest.read import read_files, read_quarantine
from pipelines.ingest.state import read_state
from pipelines.params import DatasetSpec

_DAY = 86_400_000_000


@dataclass(frozen=True)
class Item:
    """What goes or stays together. count: raw files, rows or entries; newest: of its rows, a day."""

    tier: str  # raw, rows, quarantine
    name: str
    count: int
    size: int  # bytes; 0 where it is not known apart
    newest: str
    goes: bool
    why: str


@dataclass(frozen=True)
class Retirement:
    """What the policy takes. cutoffs: to be applied; files: raw files to go, below the raw folder."""

    cutoffs: Cutoffs
    items: tuple[Item, ...]
    files: tuple[str, ...]


def plan_retention(place: Place, name: str, dataset: DatasetSpec, now: datetime) -> Retirement:
    """What is too old at `now`. Cutoffs only move forward: what has gone does not come back.

    Raises ParamsError where the dataset has no policy or its policy would leave no row; DataError where it was never
    ingested.
    """
    policy, raw = dataset.retention, place.raw(name)
    if policy == type(policy)():
        raise ParamsError(
            f"datasets.{name} has no retention policy; add one to params.yaml, such as "
            f"`retention: {{raw_days: 730, rows_days: 365, quarantine_days: 90}}`"
        )
    files, held = read_files(place, name), read_cutoffs(raw / LEDGER)
    micros = int(now.timestamp() * 1e6)
    cutoffs = Cutoffs(
        _later(held.rows, _before(micros, policy.rows_days, dataset.storage.span)),
        _later(held.quarantine, _before(micros, policy.quarantine_days, "day")),
    )
    newest: Any = files["newest"].max()
    if cutoffs.rows is not None and not pd.isna(newest) and newest < _utc(cutoffs.rows):
        raise ParamsError(
            f"datasets.{name}.retention.rows_days: {policy.rows_days:g} days before {now.date()} no row would be left "
            f"(the newest is of {newest.date()}); raise it, or give the day that counts as today by --now"
        )
    raw_before = _before(micros, policy.raw_days, "day")
    chosen = {str(file): why for file, why in _raw_files(files, dataset, raw_before)}
    items = [
        *_raw_items(raw, files, chosen),
        *_row_items(place.room(name, "ingest") / "tables", cutoffs),
        *_entry_items(read_quarantine(place, name), files, cutoffs),
    ]
    return Retirement(cutoffs, tuple(items), tuple(sorted(file for file, why in chosen.items() if not why)))


def write_ledger(raw: Path, retirement: Retirement, dropped: dict[str, str]) -> None:
    """Put the cutoffs, and what has gone so far, beside the raw files. dropped: file -> its sha256."""
    path = raw / LEDGER
    gone = json.loads(path.read_text()).get("gone", {}) if path.is_file() else {}
    write_json(path, {"before": retirement.cutoffs.to_dict(), "gone": gone | dropped})


def _before(micros: int, days: float | None, span: str) -> int | None:
    """The cutoff: a whole day, and a whole span of the rows' files where these are shorter than all of time."""
    if days is None:
        return None
    day = (micros - int(days * _DAY)) // _DAY * _DAY
    if span in ("month", "year"):
        return int(_utc(day).tz_localize(None).to_period(span[0].upper()).start_time.value // 1000)
    return day


def _later(held: int | None, new: int | None) -> int | None:
    return max((end for end in (held, new) if end is not None), default=None)


def _raw_files(files: pd.DataFrame, dataset: DatasetSpec, before: int | None) -> Iterator[tuple[str, str]]:
    """Every raw file, and why it stays; "" where it goes."""
    left = {key: sum(files["source"] == key) for key in dataset.sources}
    for file, lines in files.groupby("file", sort=True):
        newest: Any = lines["newest"].max()
        sources: list[str] = sorted(set(lines["source"]))
        kinds = {dataset.sources[source].kind for source in sources if source in dataset.sources}
        if kinds - {"rows"}:
            why = "a log of events or labels: it is kept whole"
        elif lines["newest"].isna().any():
            why = "none of its records could be placed in time; see its quarantine"
        elif before is None:
            why = "raw_days is not set"
        elif newest >= _utc(before):
            why = f"not older than {_utc(before).date()}"
        elif any(left.get(source, 0) <= 1 for source in sources):
            why = "the last file of its source, which would be an error without any"
        else:
            why = ""
            for source in sources:
                left[source] -= 1
        yield str(file), why


def _raw_items(raw: Path, files: pd.DataFrame, chosen: dict[str, str]) -> Iterator[Item]:
    """A line for each file that goes, one for all that stay for one reason."""
    newest: dict[Any, Any] = files.groupby("file")["newest"].max().to_dict()
    sizes = {file: (raw / file).stat().st_size if (raw / file).is_file() else 0 for file in chosen}
    for file, why in chosen.items():
        if not why:
            yield Item("raw", file, 1, sizes[file], _day(newest[file]), True, "older than raw_days")
    for why in sorted({why for why in chosen.values() if why}):
        own = [file for file, other in chosen.items() if other == why]
        yield Item(
            "raw",
            f"{len(own):,} files",
            len(own),
            sum(sizes[f] for f in own),
            _day(pd.Series([newest[f] for f in own]).max()),
            False,
            why,
        )


def _row_items(tables: Path, cutoffs: Cutoffs) -> Iterator[Item]:
    """Spans of time: those that go one by one, the others together."""
    parts = read_state(tables)["steps"]
    spans = parts.assign(span=parts["part"].str.rpartition("/")[2]).groupby("span", sort=True)
    found = spans.agg(rows=("rows", "sum"), first=("first", "min"), last=("last", "max"), parts=("part", "unique"))
    stay: list[Any] = []
    lines: list[Any] = list(found.itertuples())
    for line in lines:
        sizes = [(tables / "rows" / f"{part}.parquet").stat().st_size for part in line.parts]
        before = None if cutoffs.rows is None else _utc(cutoffs.rows)
        if before is not None and line.first < before:
            whole = "older than rows_days" if line.last < before else f"its rows before {before.date()}"
            yield Item("rows", str(line.Index), int(line.rows), sum(sizes), _day(line.last), True, whole)
        else:
            stay.append((line, sum(sizes)))
    if stay:
        why = "rows_days is not set" if cutoffs.rows is None else f"not older than {_utc(cutoffs.rows).date()}"
        rows, size = sum(int(line.rows) for line, _ in stay), sum(size for _, size in stay)
        name = f"{stay[0][0].Index} to {stay[-1][0].Index}" if len(stay) > 1 else str(stay[0][0].Index)
        yield Item("rows", name, rows, size, _day(max(line.last for line, _ in stay)), False, why)


def _entry_items(quarantine: pd.DataFrame, files: pd.DataFrame, cutoffs: Cutoffs) -> Iterator[Item]:
    """Raw files whose entries go one by one, the others together."""
    newest: dict[Any, Any] = files.groupby("file")["newest"].max().to_dict()
    sizes = quarantine.assign(bytes=quarantine["raw"].str.len()).groupby("file", sort=True)["bytes"]
    counted: list[Any] = list(sizes.agg(["size", "sum"]).itertuples(name=None))
    stay: dict[str, list[tuple[int, int]]] = {}
    for file, count, size in counted:
        if cutoffs.quarantine is None:
            why = "quarantine_days is not set"
        elif pd.isna(newest.get(file)):
            why = "their raw file has no row that would tell how old they are"
        elif newest[file] >= _utc(cutoffs.quarantine):
            why = f"not older than {_utc(cutoffs.quarantine).date()}"
        else:
            yield Item("quarantine", file, count, size, _day(newest[file]), True, "older than quarantine_days")
            continue
        stay.setdefault(why, []).append((count, size))
    for why, own in sorted(stay.items()):
        yield Item("quarantine", f"{len(own):,} files", sum(n for n, _ in own), sum(s for _, s in own), "", False, why)


def _utc(micros: int) -> pd.Timestamp:
    return pd.Timestamp(micros, unit="us", tz="UTC")


def _day(moment: Any) -> str:
    return "" if pd.isna(moment) else str(moment.date())
