"""Small datasets in the shape that ingest reads: mappings, raw files, and what comes out."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd

from fleetloop_edge.mapping import FieldMap, SourceMap, TimeMap
from fleetloop_edge.spec import Channel
from pipelines.files import Place
from pipelines.ingest import ingest
from pipelines.params import DatasetSpec

CHANNELS = {"pressure": Channel("pressure", "bar", 0, 16), "flow": Channel("flow", "l/s", 0, 80)}


def source_map(decoder: str = "json", **changes: Any) -> SourceMap:
    """A mapping of two channels: pressure in Pa, flow in l/s."""
    usual: dict[str, Any] = {
        "name": "some",
        "decoder": decoder,
        "device": "{device}",
        "time": TimeMap("t", "epoch_s"),
        "received": None,
        "delay_s": 0.0,
        "channels": {"pressure": FieldMap("pressure", 1e-5, 0.0, "Pa"), "flow": FieldMap("flow", unit="l/s")},
        "missing": ("-9999", "n/a"),
    }
    return SourceMap(**usual | changes)


def table_source(**changes: Any) -> dict[str, Any]:
    """A source of comma tables with the columns device, t, pressure, flow."""
    usual: dict[str, Any] = {
        "files": "*.csv",
        "decoder": "table",
        "device": "{device}",
        "time": {"field": "t", "format": "epoch_s"},
        "channels": {"pressure": {"field": "pressure", "unit": "Pa"}, "flow": {"field": "flow"}},
        "missing": [-9999, "n/a"],
    }
    return usual | changes


def dataset(*sources: dict[str, Any], **changes: Any) -> DatasetSpec:
    """A dataset of these sources, called source0, source1, ..."""
    usual: dict[str, Any] = {
        "title": "test",
        "period_s": 3600,
        "channels": {"pressure": {"unit": "bar", "min": 0, "max": 16}, "flow": {"unit": "l/s", "min": 0, "max": 80}},
        "sources": {f"source{i}": source for i, source in enumerate(sources or (table_source(),))},
        "storage": {"buckets": 2, "span": "day"},
    }
    return DatasetSpec.model_validate(usual | changes)


class Checkout:
    """A folder with raw files of the dataset `some`, and its ingest."""

    def __init__(self, root: Path, spec: DatasetSpec | None = None) -> None:
        self.place = Place(root)
        self.spec = spec or dataset()
        self.raw = self.place.raw("some")
        self.tables = self.place.room("some", "ingest") / "tables"

    def write(self, name: str, text: str | bytes) -> Path:
        data = text.encode() if isinstance(text, str) else text
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    def ingest(self) -> dict[str, Any]:
        return ingest("some", self.spec, self.raw, self.tables)

    def files(self) -> dict[str, bytes]:
        """Every file of the tables folder."""
        return {p.relative_to(self.tables).as_posix(): p.read_bytes() for p in self.tables.rglob("*") if p.is_file()}


def table(rows: list[tuple[Any, ...]], header: str = "device,t,pressure,flow") -> str:
    """A comma table."""
    return "\n".join([header, *(",".join(str(cell) for cell in row) for row in rows)]) + "\n"


def cells(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Device, seconds since 1970, and values of rows; None for NaN."""
    found = []
    for row in rows.itertuples(index=False):
        values = [None if value != value else round(float(value), 4) for value in row[3:]]
        found.append((row[0], row[1].timestamp(), *values))
    return found
