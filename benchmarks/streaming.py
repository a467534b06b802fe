"""What a further row costs each stage in memory: peak memory of its process at two sizes of one and the same fleet.

No stage may hold the table of features (`4 x features` bytes a row), nor the grid. What grows is said by the goals:
LightGBM's own binned table in `train_baseline`, the sequence inputs in `train_sequence` (twice: as they are, scaled; in
files above 256 MB), windows and scores in `evaluate` and `export`. `python -m benchmarks.streaming [DEVICES...]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.results import Figure, record
from pipelines.files import Place, write_table
from pipelines.ingest import write_rows
from pipelines.params import Storage

DEVICES = (300, 600)
ROWS = 2000  # of a device, the longest
CHANNELS = tuple(f"c{i}" for i in range(10))
STAGES = ("features", "split", "train_baseline", "train_sequence", "evaluate", "export")
FEATURES = 281  # 10 channels: value, missing, 2 averages, 6 statistics of 4 windows; and age
TABLE = 4 * FEATURES  # bytes of a row of features
GOALS = {
    "features": 20,
    "train_baseline": 1.5 * FEATURES,
    "train_sequence": 0.5 * TABLE,
    "evaluate": 400,
    "export": 400,
}
"""Bytes a row. The split looks at the grid whole (its audit compares all rows with all), so it has none."""


def main(sizes: Sequence[int]) -> None:
    small, large = (measure(devices) for devices in sizes)
    further = large["rows"] - small["rows"]
    figures = []
    for stage in STAGES:
        bytes_ = (large[stage] - small[stage]) * 1e6 / further
        figures += [
            Figure(f"{stage}: peak memory, {large['rows'] / 1e3:.0f} k rows", large[stage], "MB", absolute=True),
            Figure(f"{stage}: memory of a further row", bytes_, "bytes", goal=GOALS.get(stage)),
            Figure(f"{stage}: the same, of a row of the features' table", bytes_ / TABLE, "x"),
        ]
    record("streaming", figures)


def measure(devices: int) -> dict[str, float]:
    """Peak memory of each stage in megabytes, and the rows."""
    with tempfile.TemporaryDirectory(prefix="fleetloop-streaming-") as folder:
        subprocess.run([sys.executable, "-m", "benchmarks.streaming", "make", folder, str(devices)], check=True)
        place = Place(Path(folder))
        found = {stage: _peak(place, stage) for stage in STAGES}
        rows = len(pd.read_parquet(place.room("wear", "split") / "targets.parquet", columns=["valid"]))
    return found | {"rows": float(rows)}


def _peak(place: Place, stage: str) -> float:
    command = [sys.executable, "-m", "flows.cli", "stage", stage, "wear"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    child = subprocess.Popen(command, cwd=place.root, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}")
    return used.ru_maxrss / 1e3


def make(folder: Path, devices: int) -> None:
    """A checkout in which a fleet that wears was ingested and validated."""
    place, rng = Place(folder), np.random.default_rng(devices)
    (folder / "params.yaml").write_text(yaml.safe_dump(_params(), sort_keys=False))
    parts = [_history(f"d{i:04d}", int(rng.integers(ROWS // 2, ROWS)), rng) for i in range(devices)]
    rows = pd.concat(parts, ignore_index=True)
    tables = place.room("fleet", "ingest") / "tables"
    write_rows(tables / "rows", rows, CHANNELS, Storage(buckets=4, span="all"))
    last = rows.groupby("device", as_index=False)["time"].max()
    write_table(tables / "events.parquet", last.assign(received=last["time"], kind="failure", value=np.nan))
    about = pd.DataFrame({"device": last["device"], "from": last["time"].min()})
    about = about.assign(**{name: pd.Series(None, index=about.index, dtype="str") for name in _ABOUT})
    write_table(tables / "devices.parquet", about)
    write_table(place.room("fleet", "validate") / "rejected.parquet", rows[["device", "time"]].head(0).assign(rule=""))


_ABOUT = ("site", "vendor", "firmware", "side")


def _history(name: str, count: int, rng: np.random.Generator) -> pd.DataFrame:
    time = pd.date_range("2026-01-01", periods=count, freq="h", tz="UTC").as_unit("us")
    left = np.arange(count)[::-1, None]
    values = rng.normal(size=(count, len(CHANNELS))) + 30.0 / (left + 10.0)
    values[rng.random(values.shape) < 0.02] = np.nan
    frame = pd.DataFrame(values.astype(np.float32), columns=list(CHANNELS))
    keys = {"device": pd.array([name] * count, dtype="str"), "time": time, "received": time}
    return pd.concat([pd.DataFrame(keys), frame], axis=1)


def _params() -> dict[str, object]:
    source = {"files": "*", "device": "d", "time": {"field": "t"}, "channels": {"c0": {"field": "c0"}}}
    channels = {name: {"unit": "", "min": -100, "max": 100} for name in CHANNELS}
    dataset = {"title": "A fleet", "period_s": 3600, "channels": channels, "sources": {"a": source}}
    statistics = {"stats": ["mean", "std", "min", "max", "slope", "delta"], "windows": [6, 12, 24, 48]}
    features = {
        "spike": {"window": 11},
        "trailing": [statistics],
        "ewma": [0.1, 0.02],
        "sequence": {"steps": 24, "inputs": ["value", "ewma"]},
    }
    train = {"baseline": {"trees": 10, "cross_validate": False}, "sequence": {"hidden": 8, "steps": 30}}
    case = {
        "title": "Wear",
        "dataset": "fleet",
        "task": {"kind": "failure_within_horizon", "horizon": 48},
        "features": features,
        "split": {"test": 0.25, "calibration": 0.25},
        "train": train,
        "evaluate": {"gates": [{"metric": "log_loss", "at_most": 10}], "bootstrap": 100},
        "export": {"int8_score_error_max": 1.0, "int8_decisions_flipped_max": 1.0, "parity_rows": 500},
    }
    active = {"datasets": ["fleet"], "use_cases": {"wear": {"dataset": "fleet"}}}
    compute = {"threads": 1}
    return {"active": active, "compute": compute, "datasets": {"fleet": dataset}, "use_cases": {"wear": case}}


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(n) for n in sys.argv[1:]] or DEVICES)
