"""The DVC stage."""

from __future__ import annotations

from pipelines.files import Place, write_json, write_table
from pipelines.ingest.ingest import ingest
from pipelines.ingest.quality import quality, quality_cells
from pipelines.params import load_params


def main(place: Place, name: str) -> None:
    """Ingest one dataset: data/raw/<name> → data/<name>/ingest/{tables,report.json}."""
    params = load_params(place.root)
    room = place.room(name, "ingest")
    report = ingest(name, params.dataset(name), place.raw(name), room / "tables", params.compute)
    write_json(room / "report.json", report)
    found = quality(room / "tables", params.dataset(name))
    write_json(place.untracked(name, "ingest") / "quality.json", found)
    write_table(place.untracked(name, "ingest") / "cells.parquet", quality_cells(room / "tables"))
    fates = ("accepted", "quarantined", "duplicates", *(("expired",) if report["expired"] else ()))
    counts = (f"{report[key]:,} {key}" for key in fates)
    print(f"{name}: {report['records']:,} records: {', '.join(counts)}; {report['rows']:,} rows")
    for warning in found["warnings"]:
        print(f"warning: {name}: {warning}")
