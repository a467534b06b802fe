"""`python -m benchmarks.large FOLDER make|plain|presets`: make a checkout and a log, or judge it and print the cost."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.signal import lfilter

from fleetloop_edge.spec import DecisionSpec, FeatureSpec, Sequence, to_dict
from pipelines.features import build_grid
from pipelines.files import Place, write_json, write_table
from pipelines.ingest import channels_of
from pipelines.params import load_params
from pipelines.watch import FieldLog, watch, write_log
from pipelines.watch.field_log import DECISIONS, HEARTBEATS, LABELS, NONE_REJECTED

CHANNELS = tuple(f"c{c:02d}" for c in range(50))
HELD_BACK, HISTORY = 20, 3000  # devices, hours
DEVICES, HOURS = 200, 5000


def main(folder: Path, what: str) -> None:
    place = Place(folder)
    if what == "make":
        _make(place)
        return
    _params(place, 5000 if what == "presets" else 0)
    found = watch(place, "large", folder / "LOG")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "cpu_s": used.ru_utime + used.ru_stime,
                "peak_gb": used.ru_maxrss / 1e6,
                "html_mb": found.html.stat().st_size / 1e6,
            }
        )
    )


def _params(place: Place, sample: int) -> None:
    case = {
        "title": "large",
        "dataset": "large",
        "task": {"kind": "failure_within_horizon", "horizon": 24, "healthy_beyond": 48},
        "features": {
            "fill": 2,
            "age": False,
            "missing": False,
            "min_rows": 2,
            "sequence": {"steps": 4, "inputs": ["value"]},
        },
        "evaluate": {"gates": []},
        "export": {"int8_score_error_max": 0.1},
        "watch": {"sample": sample},
    }
    source = {"files": "*", "device": "{d}", "time": {"field": "t"}, "channels": {"c00": {"field": "c"}}}
    dataset = {
        "title": "large",
        "period_s": 3600,
        "channels": {c: {"unit": "", "min": -50, "max": 50} for c in CHANNELS},
        "sources": {"plant": source},
    }
    active = {"datasets": ["large"], "use_cases": {"large": {"dataset": "large"}}}
    tree = {"active": active, "datasets": {"large": dataset}, "use_cases": {"large": case}}
    place.root.mkdir(parents=True, exist_ok=True)
    (place.root / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))


def _make(place: Place) -> None:
    _params(place, 0)
    spec = FeatureSpec(CHANNELS, 3600.0, fill=2, age=False, missing=False, min_rows=2, sequence=Sequence(4, ("value",)))
    channels = tuple(channels_of(load_params(place.root).dataset("large")).values())
    past = _rows(HELD_BACK, HISTORY, "2026-01-01", seed=0)
    grid = build_grid(past, NONE_REJECTED, spec, channels)
    write_table(place.room("large", "features") / "grid" / "bucket=0.parquet", grid)
    write_json(place.room("large", "features") / "spec.json", to_dict(spec))
    rng = np.random.default_rng(1)
    about = grid[["device", "time"]].assign(life=np.inf, target=np.float32(0), healthy=True, side="calibration")
    write_table(place.room("large", "split") / "targets.parquet", about.assign(ahead=np.inf, valid=False))
    scores = rng.uniform(0.01, 0.1, len(grid)).astype(np.float32)
    told = about.assign(segment=grid["segment"], missing=np.float32(0), naive=scores, baseline=scores, sequence=scores)
    write_table(place.room("large", "evaluate") / "predictions.parquet", told)
    rule = DecisionSpec("inspect", "above", 0.9, 3, "failure within 24 hours", "", 0.3, 0.8)
    learnt = {"kind": "lightgbm", "interval": 0.1, "decision": to_dict(rule), "calibration": {}}
    write_json(place.room("large", "evaluate") / "decisions.json", dict.fromkeys(("baseline", "sequence"), learnt))
    rows = _rows(DEVICES, HOURS, "2026-06-01", seed=2)
    write_log(place.root / "LOG", FieldLog(rows, _decisions(rows), *_nothing()), CHANNELS, {"format": 1})


def _rows(devices: int, hours: int, start: str, seed: int) -> pd.DataFrame:
    """Hourly rows of AR(.9) channels around each device's own level."""
    rng = np.random.default_rng(seed)
    time = pd.date_range(start, periods=hours, freq="h", tz="UTC").as_unit("us")
    frame = pd.DataFrame({"device": np.repeat([f"d{i:03d}" for i in range(devices)], hours)})
    frame["time"] = pd.Series(np.tile(time, devices)).astype("datetime64[us, UTC]")
    frame["received"] = frame["time"] + pd.Timedelta(seconds=20)
    columns = {}
    for channel in CHANNELS:
        noise = rng.normal(size=(devices, hours)) * np.sqrt(1 - 0.9**2)
        values = lfilter([1.0], [1.0, -0.9], noise, axis=1) + rng.normal(size=(devices, 1))
        columns[channel] = values.ravel().astype(np.float32)
    return pd.concat([frame, pd.DataFrame(columns)], axis=1)


def _decisions(rows: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    told = rows[["device", "time", "received"]].assign(score=rng.uniform(0.01, 0.1, len(rows)))
    plain = {"action": "none", "low": 0.0, "high": 0.2, "reason": "quiet", "model": "sequence", "bundle": "b"}
    return told.assign(**plain)[DECISIONS.names]


def _nothing() -> tuple[pd.DataFrame, pd.DataFrame]:
    heartbeats: pd.DataFrame = HEARTBEATS.empty_table().to_pandas()
    labels: pd.DataFrame = LABELS.empty_table().to_pandas()
    return heartbeats, labels


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
