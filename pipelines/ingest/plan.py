"""What a run has to read: raw files that are new or changed, and stored rows that are void.

A raw file is known by its sha256 and by the version of what was said of it in params.yaml. All is read anew where the
channels, the storage or the code of this room changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

import fleetloop_edge.decoders
from fleetloop_edge.spec import canonical_json
from pipelines.ingest import schema, store
from pipelines.ingest.decode import partners
from pipelines.ingest.expiry import APPLIED, Cutoffs, judged_otherwise, read_cutoffs
from pipelines.ingest.part_rows import File
from pipelines.ingest.runs import Columns
from pipelines.ingest.source_files import RawFile
from pipelines.params import DatasetSpec

ENGINE = "engine.json"
"""Beside the tables, not in them: new code that gives the same rows changes nothing for the stages after it."""

_NOT_OF_A_RECORD = {"files"}  # which files a source has does not change what their records say


@dataclass(frozen=True)
class Known:
    """What is stored. files: as in schema.FILES. entries: of the manifest. cutoffs: that it was made with."""

    files: pd.DataFrame
    entries: dict[str, Any]
    cutoffs: Cutoffs


@dataclass(frozen=True)
class Plan:
    """fresh: (source, file) to read, with their sha256; void: files whose stored rows are to be dropped (fresh ones
    among them). anew: nothing that is stored may stay."""

    fresh: list[tuple[str, RawFile]]
    void: frozenset[File]
    anew: bool
    digests: dict[str, str]

    @property
    def nothing(self) -> bool:
        return not self.fresh and not self.void and not self.anew


def versions(dataset: DatasetSpec) -> dict[str, str]:
    """Of each source: 16 hex digits of all that params.yaml says of its records."""
    told = dataset.model_dump(mode="json", include={"channels", "period_s"})
    return {
        key: hashlib.sha256(
            canonical_json(told | {"source": source.model_dump(mode="json", exclude=_NOT_OF_A_RECORD)})
        ).hexdigest()[:16]
        for key, source in dataset.sources.items()
    }


def engine() -> str:
    """sha256 of the code that makes rows: this room's and the device's."""
    folders = (Path(__file__).parent, Path(fleetloop_edge.decoders.__file__).parents[1])
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def known(tables: Path, dataset: DatasetSpec, columns: Columns) -> Known | None:
    """What is stored; None where that is nothing to build upon."""
    manifest = store.read_manifest(tables / "rows")
    path = tables / "files.parquet"
    if manifest is None or not path.is_file():
        return None
    said = json.loads(store.manifest({}, dataset.storage, columns.channels, columns.told))
    whole = all((tables / "rows" / name).is_file() for name in manifest["files"])
    if not whole or {**manifest, "files": {}} != said or not pq.read_schema(path).equals(schema.FILES):
        return None
    return Known(pq.read_table(path).to_pandas(), manifest["files"], read_cutoffs(tables / APPLIED))


def make_plan(
    run: Iterable[tuple[str, RawFile]], stored: Known | None, dataset: DatasetSpec, same: bool, cutoffs: Cutoffs,
    threads: int,
) -> Plan:  # fmt: skip
    """run: source and file of this run, all of them; same: the code is the one that made what is stored."""
    listed = list(run)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(store.sha256_of, [file.path for _, file in listed])
        digests = {file.name: digest for (_, file), digest in zip(listed, found, strict=True)}
    if stored is None or not same:
        return Plan(listed, frozenset(), True, digests)
    f = stored.files
    held: dict[File, list[tuple[str, str, str]]] = {}  # by lead: file, sha256, mapping
    for source, lead, *line in zip(f["source"], f["lead"], f["file"], f["sha256"], f["mapping"], strict=True):
        held.setdefault((source, lead), []).append((line[0], line[1], line[2]))
    mapping = versions(dataset)
    now: dict[File, list[tuple[str, str, str]]] = {}
    for source, file in listed:
        beside = [other for some in partners(file, dataset.sources[source]).values() for other in some]
        for one in (file, *beside):
            if one.name not in digests:
                digests[one.name] = store.sha256_of(one.path)
        now[source, file.name] = [(one.name, digests[one.name], mapping[source]) for one in (file, *beside)]
    changed = {key for key in {*held, *now} if sorted(held.get(key, [])) != sorted(now.get(key, []))}
    changed |= judged_otherwise(f, stored.cutoffs, cutoffs)
    void = _with_neighbours(changed, held)
    fresh = [(source, file) for source, file in listed if (source, file.name) in void]
    joined = {(source, name) for source, lead in void for name, _, _ in held.get((source, lead), [])}
    return Plan(fresh, frozenset(void | joined), False, digests)


def _with_neighbours(changed: set[File], held: dict[File, list[tuple[str, str, str]]]) -> set[File]:
    """The leads, and all others that a file of theirs is joined to as well."""
    leads: dict[File, set[File]] = {}
    for (source, lead), lines in held.items():
        for name, _, _ in lines:
            leads.setdefault((source, name), set()).add((source, lead))
    found: set[File] = set()
    todo = list(changed)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += [lead for name, _, _ in held.get(key, []) for lead in leads[key[0], name]]
    return found
