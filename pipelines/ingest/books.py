"""The tables of the whole dataset, renewed after its parts: files, events, labels, devices, quarantine, state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fleetloop_edge.decoders import BINARY
from pipelines.ingest import schema
from pipelines.ingest.account import fate, placed_fates
from pipelines.ingest.batch import Joined, Parts
from pipelines.ingest.decoded import Decoded, file_lines
from pipelines.ingest.devices import devices_of
from pipelines.ingest.duplicates import KEPT
from pipelines.ingest.encode import write_parquet
from pipelines.ingest.events import across_files, all_labels
from pipelines.ingest.expiry import APPLIED, Cutoffs
from pipelines.ingest.happened import Logged, all_events, logged
from pipelines.ingest.part import SPARE, Written
from pipelines.ingest.part_rows import dictionary
from pipelines.ingest.quarantine import name_of, shares_name, write_conflicts, write_records
from pipelines.ingest.state import State, write_state

if TYPE_CHECKING:
    from pipelines.ingest.ingest import Run

TOLD = {"events": schema.EVENTS, "labels": schema.LABELS}
"""Tables that the rows' own columns may tell; kept by raw file in state/told_<name>.parquet."""


def write(run: Run, staged: Path, state: State, decoded: Sequence[Decoded], written: Sequence[Written]) -> None:
    """Stage every table but rows/. Raises DataError where a record is not accounted for."""
    write_state(state, staged)
    if run.cutoffs != Cutoffs():
        (staged / APPLIED).write_text(json.dumps({"before": run.cutoffs.to_dict()}) + "\n")
    log = logged(run.dataset, run.maps, run.files, state["last"], run.mapping)
    told = {name: _told(run, staged, name, decoded) for name in TOLD}
    events = all_events(run.dataset, log.events, told["events"], state["last"])
    write_parquet(staged / "events.parquet", schema.to_table(events, schema.EVENTS))
    joined = across_files(told["labels"], run.dataset.period_s)
    labels = all_labels([*log.labels, schema.to_table(joined, schema.LABELS)])
    write_parquet(staged / "labels.parquet", labels)
    sides = {key: source.side for key, source in run.dataset.sources.items()}
    devices = devices_of(state["about"], state["last"], sides)
    write_parquet(staged / "devices.parquet", schema.to_table(devices, schema.DEVICES))
    files = _files(run, staged, state, decoded, written, log)
    write_parquet(staged / "files.parquet", schema.to_table(files, schema.FILES))
    quarantine = [frame for one in decoded for frame in one.quarantine] + log.quarantine
    write_records(run.base, staged, _void(run), quarantine)
    raw = {(key, file.name): file for key, files_ in run.files.items() for file in files_}
    lost = {part.name: _by_record(run, staged, _still_kept(run, part.lost, files), files) for part in written}
    whole = frozenset(k for k, s in run.dataset.sources.items() if s.decoder in BINARY and s.envelope is None)
    write_conflicts(run.base, staged, lost, raw, run.mapping, run.plan.void, whole)


def touched(run: Run) -> set[str]:
    """Names of files, parts aside, that a run may leave unwritten because nothing is left to write."""
    return {name_of(*file) for file in _void(run)} | {shares_name(*file) for file in run.plan.void} | {APPLIED}


def _void(run: Run) -> set[tuple[str, str]]:
    """Files whose quarantine is written anew: those of the plan, and the logs, which are always read whole."""
    logs = {(key, f.name) for key, files in run.files.items() for f in files if run.dataset.sources[key].kind != "rows"}
    return {*run.plan.void, *logs}


def _told(run: Run, staged: Path, name: str, decoded: Sequence[Decoded]) -> pd.DataFrame:
    """What rows tell of events or labels, by raw file."""
    form = pa.schema([("source", pa.string()), ("file", pa.string()), *TOLD[name]])
    path = run.base / "state" / f"told_{name}.parquet"
    old = pq.read_table(path).to_pandas() if path.is_file() else form.empty_table().to_pandas()
    stay = old[[file not in run.plan.void for file in zip(old["source"], old["file"], strict=True)]]
    new = [
        table.select(TOLD[name].names).cast(TOLD[name]).to_pandas().assign(source=one.source, file=one.file.name)
        for one in decoded
        for table in one.told[name]
    ]
    every = pd.concat([f for f in (stay, *new) if len(f)] or [old.iloc[:0]], ignore_index=True)
    ordered: pd.DataFrame = every.sort_values(form.names, kind="stable", ignore_index=True)
    write_parquet(staged / "state" / path.name, schema.to_table(ordered, form))
    return ordered


def _files(
    run: Run, staged: Path, state: State, decoded: Sequence[Decoded], written: Sequence[Written], log: Logged
) -> pd.DataFrame:
    """schema.FILES of every raw file, their fates judged."""
    new = file_lines(decoded, run.mapping, run.plan.digests)
    frames = [pd.DataFrame(new)] if new else []
    if run.stored is not None and not run.plan.anew:
        old = run.stored.files
        logs = [key for key, source in run.dataset.sources.items() if source.kind != "rows"]
        void = [file in run.plan.void for file in zip(old["source"], old["file"], strict=True)]
        frames.append(old[~np.asarray(void, dtype=bool) & ~old["source"].isin(logs)])
    every = pd.concat(frames, ignore_index=True).set_index(["source", "file"])
    spare = _spare(run, staged, state, written)
    alone = every["placed"] >= 0
    of_rows = placed_fates(every[alone], state["parts"], spare)
    shared = _shared_fates(run, staged, every[~alone], decoded, spare)
    lines = [of_rows.reset_index(), shared, *_logs(run, log)]
    found: pd.DataFrame = pd.concat([f for f in lines if len(f)], ignore_index=True)
    return found.sort_values(["source", "file"], kind="stable")


def _logs(run: Run, log: Logged) -> Iterable[pd.DataFrame]:
    for source, file, counted in log.fates:
        line = vars(counted) | {"source": source, "file": file, "sha256": run.plan.digests[file], "lead": file}
        nothing = {"rows": 0, "placed": 0, "whole": 0, "expired": 0, "oldest": None, "newest": None}
        yield pd.DataFrame([line | nothing | {"mapping": run.mapping[source]}])


def _spare(run: Run, staged: Path, state: State, written: Sequence[Written]) -> pd.DataFrame:
    """source, file, record, siblings, status of every row that lost."""
    fresh = {part.name for part in written}
    dropped = state["parts"].groupby("part")["dropped"].sum()
    frames = [_EMPTY_SPARE]
    for part in dropped.index[dropped > 0]:
        path = (staged if part in fresh else run.base) / SPARE / f"{part}.parquet"
        columns = ["_origin", "_record", "_siblings", "_status"]
        table = pq.read_table(path, columns=columns, partitioning=None, read_dictionary=["_origin"])
        words, codes = dictionary(table, "_origin")
        who = pd.DataFrame([json.loads(word)[:2] for word in words], columns=["source", "file"], dtype="str")
        numbers = table.select(columns[1:]).rename_columns(["record", "siblings", "status"]).to_pandas()
        frames.append(pd.concat([numbers, who.iloc[codes].reset_index(drop=True)], axis=1))
    return pd.concat(frames[1:] or frames, ignore_index=True)


_EMPTY_SPARE = pd.DataFrame({name: pd.Series(dtype="int64") for name in ("record", "siblings", "status")}).assign(
    source=pd.Series(dtype="str"), file=pd.Series(dtype="str")
)


def _shared_fates(
    run: Run, staged: Path, files: pd.DataFrame, decoded: Sequence[Decoded], spare: pd.DataFrame
) -> pd.DataFrame:
    """The fates of files whose rows come of several records, file by file."""
    for one in decoded:
        if one.placed is None:
            path = staged / shares_name(one.source, one.file.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            shares = pa.Table.from_pandas(pd.concat(one.shares, ignore_index=True), preserve_index=False)
            write_parquet(path, shares)
    found = []
    for (source, lead), group in files.reset_index().groupby(["source", "lead"]):
        shares = _shares(run, staged, str(source), str(lead))
        lost = spare[(spare["source"] == source) & (spare["file"] == lead)]
        status = np.full(int(group["rows"].max()), KEPT, dtype=np.int8)
        status[lost["record"].to_numpy()] = lost["status"].to_numpy()
        found += [_shared(line, shares, status) for line in group.to_dict("records")]
    return pd.DataFrame(found)


def _shared(line: dict[Any, Any], shares: pd.DataFrame, status: np.ndarray) -> dict[Any, Any]:
    """A file's line with its fate. status: of each row of the files that are joined."""
    own = shares[shares["file"] == line["file"]]
    row, record = own["row"].to_numpy(), own["record"].to_numpy()
    placed = Joined(line["file"], line["records"] - line["whole"] - line["expired"], Parts(row, record))
    counted = fate(line["source"], placed, record, status[row])
    whole = {"accepted": counted.accepted, "duplicates": counted.duplicates}
    return line | whole | {"quarantined": counted.quarantined + line["whole"]}


def _shares(run: Run, staged: Path, source: str, lead: str) -> pd.DataFrame:
    """file, row, record: which records made the rows of the files joined to `lead`."""
    name = shares_name(source, lead)
    frame: pd.DataFrame = pq.read_table(staged / name if (staged / name).is_file() else run.base / name).to_pandas()
    return frame


def _still_kept(run: Run, lost: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Less those of files whose entries are too old."""
    before = run.cutoffs.quarantine
    if before is None or lost.empty:
        return lost
    old = files[files["newest"] < pd.Timestamp(before, unit="us", tz="UTC")]
    known = pd.MultiIndex.from_frame(old[["source", "file"]])
    left: pd.DataFrame = lost[~pd.MultiIndex.from_frame(lost[["source", "file"]]).isin(known)]
    return left


def _by_record(run: Run, staged: Path, lost: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Rows that contradict, one line for each record that they come of."""
    shared = files.loc[(files["placed"] < 0) & (files["file"] == files["lead"]), ["source", "file"]]
    for source, lead in shared.itertuples(index=False):
        own = (lost["source"] == source) & (lost["file"] == lead)
        if own.any():
            shares = _shares(run, staged, source, lead)
            rows = lost[own].drop(columns="file").rename(columns={"record": "row"}).merge(shares, on="row")
            lost = pd.concat([lost[~own], rows[lost.columns]], ignore_index=True)
    return lost
