"""What columns tell beside measurements: labels that stand in each row, and events."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleetloop_edge.decoders.cell import absent, key_of, number, shown
from fleetloop_edge.decoders.record import holes
from pipelines.ingest.batch import Quarantined, Rows, Words
from pipelines.ingest.fields import Fields
from pipelines.ingest.numbers import plain_number
from pipelines.ingest.schema import EVENTS, LABELS, MOMENT
from pipelines.ingest.table import Table
from pipelines.params import EventColumn, LabelColumn

Ints = NDArray[np.int64]
NONE, UNKNOWN = -1, -2


def told_labels(
    fields: Fields,
    keep: Ints,
    rows: Rows,
    columns: dict[str, LabelColumn],
    by: str,
    table: Table,
    quarantined: list[Quarantined],
) -> pa.Table | None:
    """Intervals of labels that stand in the rows: from the first to the last row, in time, of each run of one device.

    A cell that the mapping does not know is set aside, its row keeps no label. by: template.
    """
    if not columns:
        return None
    who = _texts(fields.template(by) if holes(by) else Words((by,), np.zeros(len(fields), dtype=np.int32)), keep)
    parts = []
    for name, column in columns.items():
        words = fields.words(column.field)
        meant = [label_of(name, column, word) for word in words.words]
        known = sorted({label for label in meant if isinstance(label, str)})
        places = {label: i for i, label in enumerate(known)}
        of = [UNKNOWN if m is False else NONE if m is None else places[str(m)] for m in meant]
        codes = np.asarray([*of, NONE])[words.codes[keep]]
        for row in np.flatnonzero(codes == UNKNOWN).tolist():
            word = words.words[words.codes[keep[row]]]
            _set_aside(fields, keep, row, name, word, table, quarantined)
        parts.append(_intervals(codes, known, rows, who))
    return pa.concat_tables(parts)


def label_of(name: str, column: LabelColumn, cell: str) -> str | bool | None:
    """The label that a cell stands for; None where it says nothing, False where the mapping does not know it."""
    if absent(cell):
        return None
    if not column.values:
        return f"{name}={cell.strip()}"
    meant = {key_of(key): label for key, label in column.values.items()}
    return meant.get(key_of(cell), False)


def _set_aside(
    fields: Fields, keep: Ints, row: int, name: str, word: str, table: Table, quarantined: list[Quarantined]
) -> None:
    record = int(fields.row[keep[row]])
    reason = f"{shown(word)!r} stands for no label of {name!r}; the mapping's `values` name those that do"
    quarantined.append(Quarantined(int(table.record[record]), name, "unknown_label", reason, table.raw(record)))


def _intervals(codes: Ints, labels: list[str], rows: Rows, who: list[str]) -> pa.Table:
    order, starts, stops = _runs(codes, rows)
    said = codes[order[starts]] >= 0
    first, last = order[starts[said]], order[stops[said] - 1]
    return pa.table(
        {
            "device": [rows.device.words[code] for code in rows.device.codes[first].tolist()],
            "from": pa.array(rows.time[first]).cast(MOMENT),
            "to": pa.array(rows.time[last]).cast(MOMENT),
            "label": [labels[code] for code in codes[first].tolist()],
            "received": pa.array(rows.received[last]).cast(MOMENT),
            "by": [who[row] for row in first.tolist()],
        },
        schema=LABELS,
    )


def _runs(codes: Ints, rows: Rows) -> tuple[Ints, Ints, Ints]:
    """Rows by device and time, and where runs of one device and code begin and end in that order."""
    order = np.lexsort((rows.time, rows.device.codes))
    device, code = rows.device.codes[order], codes[order]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (device[1:] != device[:-1]) | (code[1:] != code[:-1])
    starts = np.flatnonzero(new)
    return order, starts, np.append(starts[1:], len(order)) if len(starts) else starts


def told_events(
    fields: Fields,
    keep: Ints,
    rows: Rows,
    columns: dict[str, EventColumn],
    table: Table,
    quarantined: list[Quarantined],
) -> pa.Table | None:
    """Events where a column begins to say so: at the first row, in time, of each run of one device."""
    parts = []
    for kind, column in columns.items():
        words = fields.words(column.field)
        when = {key_of(cell) for cell in column.when}
        happens = np.asarray([*(key_of(word) in when for word in words.words), False], dtype=np.int64)
        codes = happens[words.codes[keep]]
        order, starts, _ = _runs(codes, rows)
        first = order[codes[order] == 1] if column.each else order[starts[codes[order[starts]] == 1]]
        value = (
            plain_number(fields.array(column.value).take(keep[first])) if column.value else np.full(len(first), np.nan)
        )
        parts.append(
            pa.table(
                {
                    "device": [rows.device.words[code] for code in rows.device.codes[first].tolist()],
                    "time": pa.array(rows.time[first]).cast(MOMENT),
                    "received": pa.array(rows.received[first]).cast(MOMENT),
                    "kind": [kind] * len(first),
                    "value": value,
                },
                schema=EVENTS,
            )
        )
    return pa.concat_tables(parts) if parts else None


def _texts(column: Words, keep: Ints) -> list[str]:
    words = [*column.words, ""]
    return [words[code] for code in column.codes[keep].tolist()]


__all__ = ["label_of", "number", "told_events", "told_labels"]
