"""Raw files through their decoders: rows to the runs, everything else kept by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.spec import Channel
from pipelines.errors import DataError
from pipelines.ingest.account import cells, whole_records
from pipelines.ingest.batch import Batch, Joined
from pipelines.ingest.decode import decode_rows
from pipelines.ingest.expiry import Cutoffs, without_expired
from pipelines.ingest.quarantine import entries_of
from pipelines.ingest.runs import Runs
from pipelines.ingest.source_files import RawFile
from pipelines.ingest.store import sha256_of
from pipelines.params import SourceSpec


@dataclass
class Counts:
    """Of a file's records: how many there are, how many were set aside whole, and how many single cells were."""

    records: int = 0
    whole: int = 0
    cells: int = 0

    def add(self, origin: Joined) -> None:
        """Count a batch's share; the rows of a record, and all that was set aside of it, are in one batch."""
        self.records += origin.records
        self.whole += whole_records(origin.quarantined)
        self.cells += cells(origin.quarantined)


@dataclass
class Decoded:
    """What came of one raw file, and of those joined to it.

    rows: decoded, and not too old. counts: by file. placed: records that have such rows; None where rows come of
    several records: then `shares` (file, row, record) says of which. expired: by file, records all of whose rows are
    too old. span: oldest and newest row, microseconds, too old or not. quarantine: as in schema.QUARANTINE. told:
    tables of events and labels that the rows' own columns tell.
    """

    source: str
    file: RawFile
    rows: int = 0
    placed: int | None = 0
    counts: dict[str, Counts] = field(default_factory=dict)
    shares: list[pd.DataFrame] = field(default_factory=list)
    quarantine: list[pd.DataFrame] = field(default_factory=list)
    expired: dict[str, int] = field(default_factory=dict)
    span: tuple[int, int] | None = None
    told: dict[str, list[pa.Table]] = field(default_factory=lambda: {"events": [], "labels": []})

    @property
    def first_reason(self) -> str | None:
        """Why nothing came of its first record, if it was set aside."""
        for frame in self.quarantine:
            for line in frame.head(1).itertuples():
                return f"{line.file} row {line.record}: {line.reason}"
        return None


def decode_file(
    file: RawFile, source: SourceSpec, mapping: SourceMap, version: str, channels: dict[str, Channel], runs: Runs,
    cutoffs: Cutoffs,
) -> Decoded:  # fmt: skip
    """Decode one file and hand its rows to the runs. Raises DataError where nothing of it can be used."""
    found = Decoded(mapping.name, file)
    for batch in decode_rows(file, source, mapping, channels):
        _enter(found, batch, version, runs, cutoffs)
        for name in found.told:
            table = getattr(batch, name)
            if table is not None and len(table):
                found.told[name].append(table)
    if found.span and cutoffs.quarantine is not None and found.span[1] < cutoffs.quarantine:
        found.quarantine = []
    return found


def _enter(found: Decoded, whole: Batch, version: str, runs: Runs, cutoffs: Cutoffs) -> None:
    batch, gone = without_expired(whole, cutoffs)
    for name, count in gone.items():
        found.expired[name] = found.expired.get(name, 0) + count
    if len(whole.rows):
        ends = (int(whole.rows.time.min()), int(whole.rows.time.max()))
        found.span = (min(ends[0], found.span[0]), max(ends[1], found.span[1])) if found.span else ends
    simple = batch.parts is None and not batch.joined
    for origin in batch.origins():
        rows = whole.rows if origin.file == batch.file else None
        file = found.file if origin.file == found.file.name else found.file.beside(origin.file)
        if origin.quarantined:
            found.quarantine.append(entries_of(found.source, file, origin.quarantined, version, rows))
        found.counts.setdefault(origin.file, Counts()).add(origin)
    if simple:
        placed = runs.add(batch)
        found.placed = None if found.placed is None else found.placed + placed
        if batch.records != placed + gone.get(batch.file, 0) + whole_records(batch.quarantined):
            raise DataError(
                f"{batch.file} (source {batch.source!r}): {batch.records} records came in but {placed} have rows and "
                f"{whole_records(batch.quarantined)} are in quarantine; this is a bug of the decoder "
                f"{batch.source!r}: please report it with the file"
            )
    else:
        found.placed = None
        found.shares += [_shares(origin, found.rows) for origin in batch.origins()]
        place = np.arange(found.rows, found.rows + len(batch.rows), dtype=np.int64)
        runs.add(replace(batch, rows=replace(batch.rows, record=place)))
    found.rows += len(batch.rows)


def _shares(origin: Joined, base: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "file": pd.array([origin.file] * len(origin.parts.row), dtype="str"),
            "row": origin.parts.row + base,
            "record": origin.parts.record,
        }
    )


def file_lines(found: Sequence[Decoded], version: dict[str, str], digests: dict[str, str]) -> list[dict[str, Any]]:
    """A line of schema.FILES for each file, its fate still open."""
    lines = []
    for one in found:
        for name, counts in one.counts.items():
            lines.append(
                {
                    "source": one.source,
                    "file": name,
                    "records": counts.records,
                    "cells_quarantined": counts.cells,
                    "sha256": digests.get(name) or sha256_of(one.file.beside(name).path),
                    "mapping": version[one.source],
                    "lead": one.file.name,
                    "rows": one.rows if name == one.file.name else 0,
                    "placed": -1 if one.placed is None else one.placed,
                    "whole": counts.whole,
                    "expired": one.expired.get(name, 0),
                    "oldest": _moment(one.span, 0),
                    "newest": _moment(one.span, 1),
                }
            )
    return lines


def _moment(span: tuple[int, int] | None, end: int) -> pd.Timestamp | None:
    return None if span is None else pd.Timestamp(span[end], unit="us", tz="UTC")
