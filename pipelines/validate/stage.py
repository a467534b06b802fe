"""The DVC stage."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from pipelines.errors import Refused
from pipelines.files import Place, replacing_folder, write_json, write_table
from pipelines.ingest import ingest_report, stream_rows, trace, write_entries
from pipelines.params import DatasetSpec, load_params
from pipelines.validate.rows import reasons_of
from pipelines.validate.validate import Validation, gather, validate

REJECTED = pa.schema([("device", pa.string()), ("time", pa.timestamp("us", tz="UTC")), ("rule", pa.string())])


def main(place: Place, name: str) -> None:
    """Validate one dataset: its rows → data/<name>/validate/. Raises Refused where a table rule fails.

    Rows that a row rule rejects are quarantined with the records that they came of; their keys alone are what the rooms
    after this one need.
    """
    spec = load_params(place.root).dataset(name)
    aside = place.untracked(name, "validate")
    rows = stream_rows(place, name, tuple(spec.channels))
    report = ingest_report(place, name)
    found = validate(name, rows, report, spec.channels, spec.contract, aside / "docs", spec.period_s)
    print(f"{found.verdict.screen()}\n  data docs: {aside.relative_to(place.root) / 'docs' / 'index.html'}")
    write_json(aside / "verdict.json", found.verdict.to_dict())
    if not found.verdict.passed:
        raise Refused(f"{found.verdict.refusal()}; data docs: {aside / 'docs' / 'index.html'}")
    write(place, name, found)
    set_aside(place, name, spec, found.rejected)


def judge_again(place: Place, name: str) -> None:
    """Quarantine what the row rules reject of rows that were ingested anew; the verdict is left to the stage."""
    spec = load_params(place.root).dataset(name)
    if (place.room(name, "validate") / "quarantine").is_dir():
        facts = gather(
            name, stream_rows(place, name, tuple(spec.channels)), spec.channels, spec.contract, spec.period_s
        )
        set_aside(place, name, spec, facts.rejected_table())


def set_aside(place: Place, name: str, spec: DatasetSpec, rejected: pd.DataFrame) -> None:
    """The records behind rejected rows, with bytes and reason. rejected: device, time, rule."""
    reasons = rejected["rule"].map(reasons_of(spec.contract))
    entries = trace(place, name, spec, rejected.assign(reason=reasons))
    with replacing_folder(place.room(name, "validate") / "quarantine") as folder:
        write_entries(folder, entries)
        write_json(folder / "entries.json", {"entries": len(entries)})


def write(place: Place, name: str, found: Validation) -> None:
    """rejected.parquet and verdict.json."""
    room = place.room(name, "validate")
    table = pa.Table.from_pandas(found.rejected, schema=REJECTED, preserve_index=False)
    write_table(room / "rejected.parquet", table)
    write_json(room / "verdict.json", found.verdict.to_dict())
