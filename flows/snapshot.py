"""What a run finds in its checkout before it trains: the data's snapshot, and how many records and labels they hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from flows.governor import Counts
from pipelines.files import Place


def counts(root: Path, dataset: str) -> Counts:
    """Of the dataset once `ingest` has run. The snapshot covers the raw files, by DVC's hash, and the parameters."""
    digest = hashlib.sha256()
    for path in (Place(root).raw(dataset).with_name(f"{dataset}.dvc"), root / "params.yaml"):
        digest.update(path.read_bytes() if path.exists() else b"")
    report = Place(root).room(dataset, "ingest") / "report.json"
    found = json.loads(report.read_text()) if report.exists() else {}
    labels = int(found.get("events", 0)) + int(found.get("labels", 0))
    return Counts(digest.hexdigest(), int(found.get("records", 0)), labels)
