"""One part, from all that was ever said about its bucket and span: what stands goes to rows/, the rest is kept beside.

Rows that lost (duplicates, contradictions) are kept whole in state/spare: a part and its spare rows are all that was
decoded, so that later news is judged as if everything had come at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ingest import facts, schema, store
from pipelines.ingest.clocks import all_jumps
from pipelines.ingest.duplicates import CONFLICT, KEPT
from pipelines.ingest.encode import write_parquet
from pipelines.ingest.extents import Extent
from pipelines.ingest.part_rows import File, PartRows, beside, came_from, load, said
from pipelines.ingest.runs import Columns, Index

ROWS, ORIGINS, SPARE, FACTS = "rows", "state/origins", "state/spare", "state/facts"
"""Where a part's files stand in the tables folder."""


@dataclass(frozen=True)
class Job:
    """What it takes to write one part; small enough to be sent to another machine that sees the same disk."""

    name: str  # bucket=0/2026-01
    extents: tuple[Extent, ...]  # rows that are new
    index: Path  # what their codes mean
    replaced: Path  # JSON: files whose stored rows are void
    tables: Path  # the tables folder
    staged: Path  # where new files are written, by their names in the tables folder
    columns: Columns
    period_s: float
    carried: Mapping[tuple[str, str], float] = field(default_factory=dict)  # see `chain`


@dataclass(frozen=True)
class Written:
    """What a part holds. entry: for the manifest, None where no row is left. lost: device, time, source, file and
    record of the rows that contradict. state: this part's lines of the tables in state/."""

    name: str
    entry: dict[str, Any] | None
    lost: pd.DataFrame
    state: dict[str, pd.DataFrame]


def write_part(job: Job) -> Written:
    """Read, sort, judge and write one part."""
    from pipelines.ingest import kernels  # numba: only where it computes

    held = {folder: job.tables / folder / f"{job.name}.parquet" for folder in (ROWS, ORIGINS, SPARE)}
    stored = [(held[ROWS], held[ORIGINS]), (held[SPARE],)]
    rows = load(job.extents, _index(job.index), stored, _files(job.replaced), job.columns)
    k = rows.keys
    order, starts = kernels.by_key(k["device"], len(rows.devices))
    kernels.sort_rows(order, starts, k["time"], k["received"], rows.values, k["origin"], k["record"])
    status = kernels.judge(order, k["device"], k["time"], rows.values)
    lost = np.flatnonzero(status != KEPT)
    spare = rows.copied(order[lost])
    kept = rows.chosen(order[status == KEPT] if len(lost) else order)
    counted = _counted(kept, job)
    if len(spare):
        table = beside(said(spare, job.columns.channels), came_from(spare))
        write_parquet(_path(job, SPARE), table.append_column("_status", pa.array(status[lost])))
    entry = _write(job, kept) if len(kept) else None
    state = {"parts": facts.counts(kept, spare)} | counted
    if len(spare):
        state["lost"] = _lost(spare, status[lost])
    if entry:
        write_parquet(_path(job, FACTS), facts.channel_facts(kept, job.columns.channels))
        steps = facts.steps(kept, job.period_s)
        state |= {"steps": steps, "about": facts.about(kept), "last": facts.last(kept)}
        state["jumps"] = all_jumps(kept, steps, job.period_s)
    return Written(job.name, entry, _losers(spare, status[lost]), state)


def _counted(kept: PartRows, job: Job) -> dict[str, pd.DataFrame]:
    """What counters did; their increments take the places of what they showed."""
    if not job.columns.counters or not len(kept):
        return {}
    from pipelines.ingest.totals import count  # numba: only where it computes

    return {"counters": count(kept, job.columns, job.carried)}


def _write(job: Job, kept: PartRows) -> dict[str, Any]:
    path = _path(job, ROWS)
    write_parquet(path, said(kept, job.columns.channels))
    write_parquet(_path(job, ORIGINS), came_from(kept))
    first, last = (schema.utc(np.array([edge(kept.keys["time"])]))[0] for edge in (np.min, np.max))
    return store.entry(len(kept), first, last, store.sha256_of(path))


def _path(job: Job, folder: str) -> Path:
    path = job.staged / folder / f"{job.name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _lost(spare: PartRows, status: NDArray[np.int8]) -> pd.DataFrame:
    """How many rows of each device lost, and how."""
    size, codes = len(spare.devices), spare.keys["device"]
    conflicts = np.bincount(codes[status == CONFLICT], minlength=size)
    duplicates = np.bincount(codes, minlength=size) - conflicts
    some = np.flatnonzero(duplicates + conflicts)
    names = pd.array([spare.devices[code] for code in some], dtype="str")
    return pd.DataFrame({"device": names, "duplicates": duplicates[some], "conflicts": conflicts[some]})


def _losers(spare: PartRows, status: NDArray[np.int8]) -> pd.DataFrame:
    losers = np.flatnonzero(status == CONFLICT)
    who = [spare.origins[code] for code in spare.keys["origin"][losers]]
    return pd.DataFrame(
        {
            "device": pd.array([spare.devices[code] for code in spare.keys["device"][losers]], dtype="str"),
            "time": schema.utc(spare.keys["time"][losers]),
            "source": pd.array([origin[0] for origin in who], dtype="str"),
            "file": pd.array([origin[1] for origin in who], dtype="str"),
            "record": spare.keys["record"][losers],
        }
    )


@lru_cache(maxsize=2)
def _index(path: Path) -> Index:
    return Index.read(path)


@lru_cache(maxsize=2)
def _files(path: Path) -> frozenset[File]:
    return frozenset(tuple(file) for file in json.loads(path.read_text()))
