"""Rows by their keys → the records that they came of, with their bytes: what a later rule rejects is kept too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from fleetloop_edge.decoders import BINARY
from pipelines.files import Place
from pipelines.ingest.quarantine import lines_of_file, shares_name
from pipelines.ingest.read import read_files
from pipelines.ingest.schema import QUARANTINE, QUARANTINE_ORDER, to_table
from pipelines.ingest.source_files import RawFile
from pipelines.ingest.store import bucket_of, read_manifest
from pipelines.params import DatasetSpec

_ORIGIN = ["source", "file", "record"]


def trace(place: Place, name: str, dataset: DatasetSpec, keys: pd.DataFrame) -> pd.DataFrame:
    """Entries as in schema.QUARANTINE, one for each record behind each key. keys: device, time, rule, reason.

    Raw files that contain one are read once more, no others; a row whose origin is not known has no file.
    """
    tables = place.room(name, "ingest") / "tables"
    found = [_of_part(tables, part, own) for part, own in _parts(tables, keys)]
    every = pd.concat([f for f in found if len(f)] or [_nothing()], ignore_index=True)
    every = _by_record(tables, place, name, every)
    every["mapping"] = _versions(place, name, every)
    every["channel"] = pd.array([None] * len(every), dtype="str")
    every["offset"] = pd.array([None] * len(every), dtype="Int64")
    every["raw"] = pd.Series([b""] * len(every), dtype=object, index=every.index)
    for (source, file), group in every.groupby(["source", "file"], sort=True):
        path = place.raw(name) / str(file)
        if not file or not path.is_file():
            continue
        spec = dataset.sources.get(str(source))
        whole = spec is not None and spec.decoder in BINARY and spec.envelope is None
        lines = lines_of_file(RawFile(path, str(file)), sorted(set(group["record"].tolist())), whole)
        every.loc[group.index, "raw"] = pd.Series([lines[r][0] for r in group["record"]], index=group.index)
        every.loc[group.index, "offset"] = pd.array([lines[r][1] for r in group["record"]], dtype="Int64")
    ordered = every.sort_values(QUARANTINE_ORDER, kind="stable", na_position="first")
    frame: pd.DataFrame = to_table(ordered, QUARANTINE).to_pandas()
    return frame


def _parts(tables: Path, keys: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Parts that may hold some of the keys, with these."""
    manifest = read_manifest(tables / "rows")
    if manifest is None or keys.empty:
        return
    buckets = keys["device"].map({d: bucket_of(d, manifest["buckets"]) for d in keys["device"].unique()})
    for part, entry in manifest["files"].items():
        inside = buckets == int(part.partition("/")[0].removeprefix("bucket="))
        inside &= keys["time"].between(pd.Timestamp(entry["from"]), pd.Timestamp(entry["to"]))
        if inside.any():
            yield part, keys[inside]


def _of_part(tables: Path, part: str, keys: pd.DataFrame) -> pd.DataFrame:
    rows = pq.read_table(tables / "rows" / part, columns=["device", "time"], partitioning=None).to_pandas()
    path = tables / "state" / "origins" / part
    if path.is_file():
        origins = pq.read_table(path, columns=["_origin", "_record"], partitioning=None).to_pandas()
        told = {word: json.loads(word)[:2] for word in origins["_origin"].unique()}
        rows[["source", "file"]] = pd.DataFrame([told[word] for word in origins["_origin"]], index=rows.index)
        rows["record"] = origins["_record"]
    else:
        rows = rows.assign(source="", file="", record=0)
    found: pd.DataFrame = rows.merge(keys, on=["device", "time"])[[*_ORIGIN, "device", "rule", "reason"]]
    return found


def _by_record(tables: Path, place: Place, name: str, found: pd.DataFrame) -> pd.DataFrame:
    """Rows that several records made, as those records."""
    files = read_files(place, name) if (tables / "files.parquet").is_file() else None
    if files is None:
        return found
    shared = files.loc[(files["placed"] < 0) & (files["file"] == files["lead"]), ["source", "file"]]
    for source, lead in shared.itertuples(index=False):
        own = (found["source"] == source) & (found["file"] == lead)
        if own.any():
            shares = pq.read_table(tables / shares_name(source, lead)).to_pandas()
            rows = found[own].drop(columns="file").rename(columns={"record": "row"}).merge(shares, on="row")
            found = pd.concat([found[~own], rows[found.columns]], ignore_index=True)
    once: pd.DataFrame = found.drop_duplicates(ignore_index=True)
    return once


def _versions(place: Place, name: str, found: pd.DataFrame) -> Any:
    path = place.room(name, "ingest") / "tables" / "files.parquet"
    if not path.is_file():
        return ""
    files: Any = read_files(place, name).drop_duplicates(["source", "file"]).set_index(["source", "file"])["mapping"]
    return files.reindex(pd.MultiIndex.from_frame(found[["source", "file"]])).fillna("").to_numpy()


def _nothing() -> pd.DataFrame:
    text = pd.Series(dtype="str")
    return pd.DataFrame({"source": text, "file": text, "record": pd.Series(dtype="int64"), "device": text, "rule": text,
                         "reason": text})  # fmt: skip
