"""What was not believed, with its bytes, where it stands and why.

quarantine/records/source=<s>/<digit>.parquet: what decoding set aside, by the first hex digit of the file name's
sha256; quarantine/conflicts/bucket=<b>/<span>.parquet: rows that contradict one that was received before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingest.batch import Quarantined, Rows
from pipelines.ingest.duplicates import CONFLICT_RULE
from pipelines.ingest.encode import write_parquet
from pipelines.ingest.part_rows import File
from pipelines.ingest.schema import QUARANTINE, QUARANTINE_ORDER, to_table
from pipelines.ingest.source_files import RawFile
from pipelines.ingest.text import RAW_KEPT

FOLDER = "quarantine"


def entries_of(
    source: str, file: RawFile, found: Sequence[Quarantined], mapping: str, rows: Rows | None
) -> pd.DataFrame:
    """A file's entries as in schema.QUARANTINE. rows: to tell the device of a cell whose record was accepted."""
    offsets = _offsets(file, found)
    devices = _devices(found, rows)
    columns = {
        "source": [source] * len(found),
        "file": [file.name] * len(found),
        "record": [entry.record for entry in found],
        "offset": offsets,
        "channel": [entry.channel for entry in found],
        "device": devices,
        "rule": [entry.rule for entry in found],
        "reason": [entry.reason for entry in found],
        "raw": [entry.raw for entry in found],
        "mapping": [mapping] * len(found),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in QUARANTINE]
    frame: pd.DataFrame = pa.Table.from_arrays(arrays, schema=QUARANTINE).to_pandas()
    return frame


def _offsets(file: RawFile, found: Sequence[Quarantined]) -> list[int | None]:
    """Where each record begins in the unpacked file, bytes; None in a format whose records are no lines."""
    if not found:
        return []
    data = file.read()
    starts = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")) + 1
    places: list[int | None] = []
    for entry in found:
        at = 0 if entry.record == 1 else int(starts[entry.record - 2]) if entry.record - 2 < len(starts) else len(data)
        line = data[at : at + len(entry.raw) + 64]
        places.append(at if entry.raw and entry.raw in line else None)
    return places


def _devices(found: Sequence[Quarantined], rows: Rows | None) -> list[str | None]:
    if rows is None or not len(rows) or not found:
        return [None] * len(found)
    order = np.argsort(rows.record, kind="stable")
    at = np.searchsorted(rows.record[order], [entry.record for entry in found])
    row = order[np.minimum(at, len(order) - 1)]
    same = rows.record[row] == [entry.record for entry in found]
    words = rows.device.words
    return [
        words[rows.device.codes[i]] if hit and entry.channel is not None else None
        for i, hit, entry in zip(row.tolist(), same, found, strict=True)
    ]


def write_records(tables: Path, staged: Path, void: Iterable[File], new: Sequence[pd.DataFrame]) -> None:
    """Renew the files of quarantine/records that hold entries of `void` files or of new ones. new: one a file."""
    told = [(key, frame) for key, frame in _by_file(new)]
    touched = {name_of(*key) for key in {*void, *(key for key, _ in told)}}
    gone = set(void)
    for name in sorted(touched):
        frames = [frame for key, frame in told if name_of(*key) == name]
        if (tables / name).is_file():
            old = pq.read_table(tables / name, schema=QUARANTINE, partitioning=None).to_pandas()
            stay = [(source, file) not in gone for source, file in zip(old["source"], old["file"], strict=True)]
            frames.insert(0, old[stay])
        _write(staged / name, frames)


def write_conflicts(
    tables: Path, staged: Path, lost: Mapping[str, pd.DataFrame], files: Mapping[File, RawFile],
    mapping: Mapping[str, str], fresh: frozenset[File], whole: frozenset[str],
) -> None:  # fmt: skip
    """Renew quarantine/conflicts of the parts in `lost` (see part.Written), whose losers' lines are read once more.

    whole: sources each of whose files is one record.
    """
    lines: dict[File, dict[int, tuple[bytes, int | None]]] = {}
    for part, frame in sorted(lost.items()):
        name = f"{FOLDER}/conflicts/{part}.parquet"
        old = pq.read_table(tables / name, partitioning=None).to_pandas() if (tables / name).is_file() else None
        for (source, file), group in frame.groupby(["source", "file"], sort=True):
            key = (str(source), str(file))
            known = _known(old, key) if key not in fresh else {}
            missing = sorted(set(group["record"].tolist()) - set(known))
            read = lines_of_file(files[key], missing, key[0] in whole) if missing and key in files else {}
            lines.setdefault(key, {}).update(known | read)
        _write(staged / name, [_conflicts(frame, lines, mapping)] if len(frame) else [])


def _known(old: pd.DataFrame | None, key: File) -> dict[int, tuple[bytes, int | None]]:
    if old is None:
        return {}
    own = old[(old["source"] == key[0]) & (old["file"] == key[1])]
    places = [None if pd.isna(offset) else int(offset) for offset in own["offset"]]
    return dict(zip(own["record"].tolist(), zip(own["raw"], places, strict=True), strict=True))


def lines_of_file(file: RawFile, records: Sequence[int], whole: bool) -> dict[int, tuple[bytes, int | None]]:
    """The bytes of some records, and where they begin in the unpacked file. whole: the file is one record."""
    if whole:
        return dict.fromkeys(records, (file.read()[:RAW_KEPT], 0))
    raw = file.lines(records)
    told = [Quarantined(record, None, "", "", line) for record, line in raw.items()]
    return {entry.record: (entry.raw, at) for entry, at in zip(told, _offsets(file, told), strict=True)}


def _conflicts(
    lost: pd.DataFrame, lines: Mapping[File, Mapping[int, tuple[bytes, int | None]]], mapping: Mapping[str, str]
) -> pd.DataFrame:
    said = [
        lines[source, file].get(record, (b"", None))
        for source, file, record in zip(lost["source"], lost["file"], lost["record"], strict=True)
    ]
    reasons = [
        f"another record of {device!r} at {time.isoformat()} says otherwise and was received first"
        for device, time in zip(lost["device"], lost["time"], strict=True)
    ]
    return lost.drop(columns="time").assign(
        offset=pd.array([at for _, at in said], dtype="Int64"),
        channel=pd.array([None] * len(lost), dtype="str"),
        rule=CONFLICT_RULE,
        reason=reasons,
        raw=[raw for raw, _ in said],
        mapping=lost["source"].map(dict(mapping)),
    )


def _by_file(frames: Sequence[pd.DataFrame]) -> Iterable[tuple[File, pd.DataFrame]]:
    for frame in frames:
        if len(frame):
            yield (str(frame["source"].iloc[0]), str(frame["file"].iloc[0])), frame


def name_of(source: str, file: str) -> str:
    """Where decoding's entries of a raw file stand in the tables folder."""
    return f"{FOLDER}/records/source={source}/{hashlib.sha256(file.encode()).hexdigest()[0]}.parquet"


def shares_name(source: str, lead: str) -> str:
    """Where the tables folder keeps which records made the rows of the files joined to `lead`."""
    return f"state/shares/{hashlib.sha256(f'{source}/{lead}'.encode()).hexdigest()[:16]}.parquet"


def write_entries(folder: Path, entries: pd.DataFrame) -> None:
    """Entries of another room below its own folder, by source and raw file as here. The folder is new."""
    names = [name_of(source, file) for source, file in zip(entries["source"], entries["file"], strict=True)]
    for name, group in entries.groupby(pd.Series(names, index=entries.index, dtype="str"), sort=True):
        _write(folder / str(name).removeprefix(f"{FOLDER}/records/"), [group])


def _write(path: Path, frames: Sequence[pd.DataFrame]) -> None:
    some = [frame for frame in frames if len(frame)]
    if some:
        path.parent.mkdir(parents=True, exist_ok=True)
        ordered = pd.concat(some, ignore_index=True).sort_values(QUARANTINE_ORDER, kind="stable", na_position="first")
        write_parquet(path, to_table(ordered, QUARANTINE))
