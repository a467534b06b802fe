"""Tables whose records stand beside those of another: row by row, or by a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleetloop_edge.decoders.cell import key_of
from pipelines.ingest.batch import Joined, Parts, Quarantined, Rows
from pipelines.ingest.table import Table
from pipelines.params import JoinSpec

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Partner:
    """The files that one block of `join` names. tables: file -> its records."""

    alias: str
    spec: JoinSpec
    tables: dict[str, Table]


@dataclass(frozen=True)
class Beside:
    """One joined file. place: (n,) which of its records stands beside each of the main table's; -1: none."""

    file: str
    table: Table
    place: Ints
    why: str  # a record of it may stand beside none


def join(main: Table, partners: list[Partner]) -> tuple[Table, list[Beside]]:
    """The main table with the columns `<alias>.<name>` of its partners' records, and which those are.

    Row by row, a record that lacks one partner is set aside, with those that it has. By key, the main table's records
    stay, with nothing in the new columns; of records of one key the first counts.
    """
    by_row = [next(iter(partner.tables.items())) for partner in partners if partner.spec.key is None]
    main = _complete(main, by_row)
    columns = dict(main.columns)
    beside = []
    for partner in partners:
        tables = list(partner.tables.values())
        places = _by_row(main, tables[0]) if partner.spec.key is None else _by_key(main, tables, partner.spec.key)
        for name in dict.fromkeys(name for table in tables for name in table.columns):
            columns[f"{partner.alias}.{name}"] = _gathered(name, tables, places)
        why = "no record stands beside it" + ("" if partner.spec.key is None else ", or its key came before")
        beside += [Beside(f, t, p, why) for (f, t), p in zip(partner.tables.items(), places, strict=True)]
    return Table(columns, main.record, main.place, main.raw, main.records, main.quarantined), beside


def _complete(main: Table, by_row: list[tuple[str, Table]]) -> Table:
    """The records that have all their partners."""
    if not by_row:
        return main
    common = reduce(np.intersect1d, (table.place for _, table in by_row), main.place)
    mine = np.searchsorted(main.place, common)
    for place in np.setdiff1d(np.arange(len(main)), mine).tolist():
        lacking = next(name for name, table in by_row if main.place[place] not in table.place)
        reason = f"{lacking} has no good record at place {int(main.place[place])}"
        main.quarantined.append(Quarantined(int(main.record[place]), None, "no_partner", reason, main.raw(place)))
    columns = {name: column.take(pa.array(mine)) for name, column in main.columns.items()}
    raw: Callable[[int], bytes] = lambda i: main.raw(int(mine[i]))  # noqa: E731
    return Table(columns, main.record[mine], main.place[mine], raw, main.records, main.quarantined)


def _by_row(main: Table, other: Table) -> list[Ints]:
    return [np.searchsorted(other.place, main.place).astype(np.int64)]


def _by_key(main: Table, tables: list[Table], on: str | dict[str, str]) -> list[Ints]:
    """For each table, (n,) the place of the record that has the key of each of the main table's; -1: none."""
    own, theirs = (on, on) if isinstance(on, str) else next(iter(on.items()))
    known: dict[str, tuple[int, int]] = {}
    for which, table in enumerate(tables):
        for place, key in enumerate(table.columns[theirs].to_pylist()):
            known.setdefault(key_of(key), (which, place))
    asked: list[Any] = [known.get(key_of(key), (-1, -1)) for key in main.columns[own].to_pylist()]
    pairs = np.asarray(asked, dtype=np.int64).reshape(-1, 2)
    return [np.where(pairs[:, 0] == which, pairs[:, 1], -1) for which in range(len(tables))]


def _gathered(name: str, tables: list[Table], places: list[Ints]) -> pa.Array:
    chunks, start = [], 0
    index = np.full(len(places[0]), -1, dtype=np.int64)
    for table, place in zip(tables, places, strict=True):
        chunks.append(table.columns.get(name, pa.nulls(len(table), pa.string())))
        index = np.where(place >= 0, place + start, index)
        start += len(table)
    return pa.concat_arrays(chunks).take(pa.array(index, mask=index < 0))


def joined(beside: Beside, main: Table, rows: Rows) -> Joined:
    """The account of a joined file: the parts that its records have in the rows, and those that have none."""
    own = beside.place[np.searchsorted(main.record, rows.record)]
    row = np.flatnonzero(own >= 0)
    table = beside.table
    aside = list(table.quarantined)
    for place in np.setdiff1d(np.arange(len(table)), own).tolist():
        why = "the record beside it is set aside" if place in beside.place else beside.why
        aside.append(Quarantined(int(table.record[place]), None, "no_partner", why, table.raw(place)))
    return Joined(beside.file, table.records, Parts(row, table.record[own[row]]), aside)
