"""Raw payloads of any vendor → rows, events, labels, devices and quarantine; nothing is lost on the way.

Raw files that are new go through their decoders and onto the disk, sorted by part (`runs`); each part that they touch
is written from them and from what it held (`part`); what is known of the whole is renewed (`books`); and all takes
its place at once (`commit`). The same files give the same bytes, whatever order they came in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from fleetloop_edge.mapping import SourceMap
from pipelines.errors import DataError, ParamsError
from pipelines.ingest import books, store
from pipelines.ingest.chain import chains, write_chain
from pipelines.ingest.commit import Change, finish
from pipelines.ingest.compile import channels_of, compile_source
from pipelines.ingest.decode import check_decoder
from pipelines.ingest.decoded import Decoded, decode_file
from pipelines.ingest.expiry import LEDGER, Cutoffs, read_cutoffs
from pipelines.ingest.extents import Extent
from pipelines.ingest.part import FACTS, ORIGINS, ROWS, SPARE, Job, Written, write_part
from pipelines.ingest.plan import ENGINE, Known, Plan, engine, known, make_plan, versions
from pipelines.ingest.report import report
from pipelines.ingest.runs import HELD, Runs, columns_of
from pipelines.ingest.source_files import RawFile, files_of
from pipelines.ingest.state import read_state, renewed
from pipelines.ingest.workers import Each, workers
from pipelines.params import Compute, DatasetSpec

WORK = ".ingest"
"""A folder beside the tables, for what is on its way."""


def ingest(name: str, dataset: DatasetSpec, raw: Path, tables: Path, compute: Compute | None = None) -> dict[str, Any]:
    """Bring `tables` up to what lies below `raw`; the report (accounting, statistics by channel and device).

    Only what raw files that are new, changed or gone touch is written; where there is none, no row is read. It may be
    killed at any point and started again. Raises DataError or ParamsError.
    """
    room = tables.parent
    finish(room, room / WORK)
    maps = _maps(name, dataset)
    files = _files(name, dataset, raw)
    code = engine()
    stored = known(tables, dataset, columns_of(dataset, maps))
    mapping = versions(dataset)
    listed = [(key, file) for key, some in files.items() for file in some]
    cutoffs = read_cutoffs(raw / LEDGER)
    compute = compute or Compute()
    plan = make_plan(listed, stored, dataset, _engine(room) == code, cutoffs, compute.threads)
    if not plan.nothing or (stored is not None and stored.cutoffs != cutoffs):
        run = Run(dataset, raw, tables, maps, files, mapping, plan, stored, cutoffs)
        with _one_allocator():
            _renew(run, code, compute)
    return report(tables, dataset)


@contextmanager
def _one_allocator() -> Iterator[None]:
    """Arrow takes its memory where numpy does. Pages that two allocators give back and fetch anew, each for itself,
    took two threads a sixth of their CPU: the kernel's, so that they waited for each other."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


@dataclass(frozen=True)
class Run:
    """What one run works on."""

    dataset: DatasetSpec
    raw: Path
    tables: Path
    maps: dict[str, SourceMap]
    files: dict[str, list[RawFile]]
    mapping: dict[str, str]  # versions, by source
    plan: Plan
    stored: Known | None
    cutoffs: Cutoffs

    @property
    def work(self) -> Path:
        return self.tables.parent / WORK

    @property
    def base(self) -> Path:
        """The tables to build upon: those that are stored, or none."""
        return self.work / "nothing" if self.plan.anew else self.tables


def _renew(run: Run, code: str, compute: Compute) -> None:
    change = Change(run.tables.parent, run.work)
    staged = change.new(run.tables.name)
    columns = columns_of(run.dataset, run.maps)
    held = HELD if compute.scheduler is None else 0  # what a cluster reads is on the disk
    runs = Runs(run.work / "runs", columns, run.dataset.storage, held)
    with ThreadPoolExecutor(compute.threads) as pool:
        decoded = list(pool.map(lambda fresh: _decode(run, runs, *fresh), _of_rows(run)))
    runs.finish()
    with workers(compute) as each, change.settling() as settle:
        written = _written(each, run, _jobs(run, runs, staged), settle)
    old = run.stored.entries if run.stored and not run.plan.anew else {}
    entries = {**old, **{f"{part.name}.parquet": part.entry for part in written}}
    entries = {name: entry for name, entry in sorted(entries.items()) if entry is not None}
    if not entries:
        raise DataError(f"{run.raw}: not one row could be read; the first reason: {_first_reason(decoded)}")
    manifest = store.manifest(entries, run.dataset.storage, columns.channels, columns.told)
    (staged / "rows").mkdir(parents=True, exist_ok=True)
    (staged / "rows" / store.MANIFEST).write_bytes(manifest)
    state = renewed(read_state(run.base), {part.name: part.state for part in written})
    books.write(run, staged, state, decoded, written)
    change.new(ENGINE).write_text(json.dumps({"code": code}) + "\n")
    _drop_stale(run, change, staged, written)
    change.commit()


def _maps(name: str, dataset: DatasetSpec) -> dict[str, SourceMap]:
    try:
        return {key: compile_source(key, source, dataset) for key, source in dataset.sources.items()}
    except ParamsError as error:
        raise ParamsError(f"params.yaml: datasets.{name}.{error}") from None


def _files(name: str, dataset: DatasetSpec, raw: Path) -> dict[str, list[RawFile]]:
    for key, source in dataset.sources.items():
        check_decoder(source, f"params.yaml: datasets.{name}.sources.{key}")
    if not any(source.kind == "rows" for source in dataset.sources.values()):
        raise ParamsError("the dataset has no source of kind rows; add one to its sources in params.yaml")
    return {key: files_of(key, source, name, dataset, raw) for key, source in dataset.sources.items()}


def _engine(room: Path) -> str | None:
    path = room / ENGINE
    try:
        return str(json.loads(path.read_text())["code"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _of_rows(run: Run) -> list[tuple[str, RawFile]]:
    return [(key, file) for key, file in run.plan.fresh if run.dataset.sources[key].kind == "rows"]


def _decode(run: Run, runs: Runs, key: str, file: RawFile) -> Decoded:
    source = run.dataset.sources[key]
    version, channels = run.mapping[key], channels_of(run.dataset)
    return decode_file(file, source, run.maps[key], version, channels, runs, run.cutoffs)


def _written(each: Each, run: Run, jobs: list[Job], settle: Callable[[str], None]) -> list[Written]:
    """jobs: of all parts, untouched ones too. Those without counters stand each for itself. settle: is told of each
    file of rows that is written."""
    state = read_state(run.base)
    void = [key in run.plan.void for key in zip(state["parts"]["source"], state["parts"]["file"], strict=True)]
    dropped = set(state["parts"]["part"][void])
    touched = [job for job in jobs if job.extents or job.name in dropped]
    touched.sort(key=lambda job: _size(job.extents), reverse=True)
    if any(job.columns.counters for job in jobs):
        found = (part for some in each(write_chain, chains(touched, jobs, state["counters"])) for part in some)
    else:
        found = (part for part in each(write_part, touched))
    written = []
    for part in found:
        written.append(part)
        if part.entry:
            settle(f"{run.tables.name}/{ROWS}/{part.name}.parquet")
    return written


def _jobs(run: Run, runs: Runs, staged: Path) -> list[Job]:
    """Of all parts, new and stored."""
    index = _noted(run.work, runs.index().text())
    replaced = _noted(run.work, json.dumps(sorted(run.plan.void)))
    storage = run.dataset.storage
    new: dict[str, list[Extent]] = {store.part_name(*part, storage): extents for part, extents in runs.parts.items()}
    every = {*new, *read_state(run.base)["parts"]["part"]}
    columns = columns_of(run.dataset, run.maps)
    return [
        Job(part, tuple(new.get(part, ())), index, replaced, run.base, staged, columns, run.dataset.period_s)
        for part in sorted(every)
    ]


def _noted(folder: Path, text: str) -> Path:
    """A file named by its content: whoever has read it once may rely on what was in it."""
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    path.write_text(text)
    return path


def _size(extents: Iterable[Extent]) -> int:
    return sum(extent.stop - extent.start for extent in extents)


def _drop_stale(run: Run, change: Change, staged: Path, written: list[Written]) -> None:
    """What this run has written nothing for, though it was to."""
    if run.plan.anew:
        names = {f.relative_to(run.tables).as_posix() for f in run.tables.rglob("*") if f.is_file()}
    else:
        folders = (ROWS, ORIGINS, SPARE, FACTS, "quarantine/conflicts")
        names = {f"{folder}/{part.name}.parquet" for part in written for folder in folders}
        names |= books.touched(run)
    for name in names:
        if not (staged / name).is_file():
            change.drop(f"{run.tables.name}/{name}")


def _first_reason(decoded: list[Decoded]) -> str:
    old = any(one.expired for one in decoded)
    nothing = "all are older than the retention policy allows" if old else "there is no record in them"
    return next((one.first_reason for one in decoded if one.first_reason), nothing)
