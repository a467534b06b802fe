"""A checkout in which ingest and validate have run: a small fleet's tables, and params.yaml beside them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from fleetloop_edge.spec import to_dict
from pipelines.files import Place, write_table
from pipelines.ingest import write_rows
from pipelines.params import Storage
from tests.builders.telemetry import CHANNELS, SPEC, nothing_rejected

SOURCE = {"files": "*.csv", "device": "d", "time": {"field": "t"}, "channels": {"flow": {"field": "flow"}}}


def ingested(folder: Path, rows: pd.DataFrame, events: pd.DataFrame, **features: object) -> Place:
    """Dataset `fleet` and use case `lives` (remaining life, features SPEC with changes) in a folder."""
    place, names = Place(folder), tuple(channel.name for channel in CHANNELS)
    channels = {channel.name: {"unit": channel.unit, "min": channel.min, "max": channel.max} for channel in CHANNELS}
    dataset = {"title": "A fleet", "period_s": SPEC.period_s, "channels": channels, "sources": {"a": SOURCE}}
    case = {
        "title": "Lives",
        "dataset": "fleet",
        "task": {"kind": "remaining_useful_life", "cap": 30},
        "features": to_dict(SPEC) | features,
        "split": {"seed": 1, "test": 0.25, "calibration": 0.25},
        "evaluate": {"gates": []},
        "export": {"int8_score_error_max": 1.0},
    }
    params = {
        "active": {"datasets": ["fleet"], "use_cases": {"lives": {"dataset": "fleet"}}},
        "datasets": {"fleet": dataset},
        "use_cases": {"lives": case},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    tables = place.room("fleet", "ingest") / "tables"
    write_rows(tables / "rows", rows, names, Storage())
    write_table(tables / "events.parquet", events)
    devices = pd.DataFrame({"device": rows["device"].unique()}).assign(side=pd.array([None], dtype="str")[0])
    write_table(tables / "devices.parquet", devices.astype({"side": "str"}))
    write_table(place.room("fleet", "validate") / "rejected.parquet", nothing_rejected())
    return place
