"""The DVC stage."""

from __future__ import annotations

import pyarrow as pa

from pipelines.errors import Refused
from pipelines.files import Place, write_json, write_table
from pipelines.ingest import ingest_report, stream_rows
from pipelines.params import load_params
from pipelines.validate.validate import Validation, validate

REJECTED = pa.schema([("device", pa.string()), ("time", pa.timestamp("us", tz="UTC")), ("rule", pa.string())])


def main(place: Place, name: str) -> None:
    """Validate one dataset: its rows → data/<name>/validate/. Raises Refused where a table rule fails."""
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


def write(place: Place, name: str, found: Validation) -> None:
    """rejected.parquet and verdict.json."""
    room = place.room(name, "validate")
    table = pa.Table.from_pandas(found.rejected, schema=REJECTED, preserve_index=False)
    write_table(room / "rejected.parquet", table)
    write_json(room / "verdict.json", found.verdict.to_dict())
