"""From raw files to rows: ingest against pandas, Polars and DuckDB, on the same bytes, two threads each.

Every run is a process of its own; imports and a warm-up on a small dataset come before the clock starts. CPU-seconds
decide, the median of three; what comes out must be equal, file by file. `python -m benchmarks.ingest 1` runs the
million rows alone, `csv` or `jsonl` one of the texts; the other figures stay as they were measured.
"""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.ingest_data import CHANNELS, dataset, write_raw
from benchmarks.ingest_peers import PEERS, Counts
from benchmarks.results import Figure, record
from pipelines.ingest import ingest
from pipelines.params import Compute

MILLION = 1_000_000
GOALS = {"pandas": (3.0, 3.0), "polars": (1.2, 1.5), "duckdb": (1.5, 2.0)}  # must, stretch
TEXT_GOALS = {"csv": (3.0, 5.0), "jsonl": (5.0, 8.0)}
REPEATS = 3


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:6], threads=int(sys.argv[6]))
        return
    wanted = sys.argv[1:] or [*TEXT_GOALS, "1", "10", "50"]
    with tempfile.TemporaryDirectory(prefix="fleetloop-bench-") as folder:
        figures = _all(Path(folder), wanted)
    record("ingest", figures, partial=bool(sys.argv[1:]))


def _all(folder: Path, wanted: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    for kind in ("parquet", *(kind for kind in TEXT_GOALS if kind in wanted)):
        write_raw(folder / f"warm-{kind}", 2000, kind)
    for kind in (kind for kind in TEXT_GOALS if kind in wanted):
        write_raw(folder / kind, MILLION, kind)
        figures += _against(folder, folder / kind, kind, 1, {"pandas": TEXT_GOALS[kind]})
    peak = None
    for million in (int(each) for each in wanted if each not in TEXT_GOALS):
        raw = folder / f"{million}"
        write_raw(raw, million * MILLION, "parquet")
        if million <= 10:
            figures += _against(folder, raw, "parquet", million, GOALS)
        alone = _run(folder, "fleetloop", "parquet", raw, 2)
        figures += _own(folder, raw, million, alone, peak)
        peak = peak or (alone["peak"] if million == 10 else None)
    return figures


def _against(folder: Path, raw: Path, kind: str, million: int, goals: dict[str, tuple[float, float]]) -> list[Figure]:
    names = ("fleetloop", *goals)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(REPEATS):
        for name in names:
            runs[name].append(_run(folder, name, kind, raw, 2))
            _check_equal(folder / "out-fleetloop" / "tables" / "rows", folder / f"out-{name}", runs, name)
    what = f"{kind}, {million} M rows"
    cpu = {name: statistics.median(run["cpu"] for run in found) for name, found in runs.items()}
    figures = [Figure(f"{name}, {what}", cpu[name], "cpu s", absolute=True) for name in names]
    for name, (must, stretch) in goals.items():
        ratio = cpu[name] / cpu["fleetloop"]
        figures.append(Figure(f"times faster than {name}, {what}", ratio, "x", "higher", must, stretch))
    return figures


def _own(folder: Path, raw: Path, million: int, alone: dict[str, Any], peak: float | None) -> list[Figure]:
    what = f"{million} M rows"
    figures = [
        Figure(f"peak memory, {what}", alone["peak"], "MB", goal=1000.0 if million == 10 else None, absolute=True)
    ]
    if million == 10:
        one = _run(folder, "fleetloop", "parquet", raw, 1)
        figures.append(Figure(f"wall of two threads over one's, {what}", alone["wall"] / one["wall"], "x", goal=0.6))
    if million <= 10:
        encode = _encode_alone(folder / "out-fleetloop" / "tables" / "rows")
        figures.append(Figure(f"CPU over encoding the rows alone, {what}", alone["cpu"] / encode, "x"))
    if million > 10 and peak is not None:
        figures.append(Figure(f"peak memory over that of 10 M, {what}", alone["peak"] / peak, "x", goal=1.2))
    return figures


def _run(folder: Path, name: str, kind: str, raw: Path, threads: int) -> dict[str, Any]:
    out = folder / f"out-{name}"
    subprocess.run(["rm", "-rf", str(out)], check=True)
    print(f"{name}: {raw.name} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.ingest", "--child", name, kind, str(raw), str(out), str(threads)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _child(name: str, kind: str, raw: str, out: str, threads: int) -> None:
    """Warm up on a small dataset, then do the work once and tell what it took."""
    pa.set_cpu_count(threads)
    warm = Path(raw).parent / f"warm-{kind}"
    with tempfile.TemporaryDirectory() as aside:
        _work(name, kind, warm, Path(aside) / "out", threads)
    cpu, wall = time.process_time(), time.monotonic()
    counts = _work(name, kind, Path(raw), Path(out), threads)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": _peak(), "counts": counts}))


def _peak() -> float:
    """MB of this process at most; what ru_maxrss says may be of the process that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1e3 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _work(name: str, kind: str, raw: Path, out: Path, threads: int) -> Counts:
    if name != "fleetloop":
        return PEERS[name](raw, out)
    ingest("benchmark", dataset(kind), raw, out / "tables", Compute(threads=threads))
    files = pq.read_table(out / "tables" / "files.parquet").to_pylist()
    return {line["file"]: (line["records"], line["duplicates"]) for line in files}


def _check_equal(ours: Path, theirs: Path, runs: dict[str, list[dict[str, Any]]], name: str) -> None:
    """The same files with the same rows, and the same account of every raw file."""
    if name == "fleetloop":
        return
    if runs[name][-1]["counts"] != runs["fleetloop"][-1]["counts"]:
        sys.exit(f"{name} accounts for the raw files otherwise than ingest")
    names = sorted(p.relative_to(ours) for p in ours.rglob("*.parquet"))
    if names != sorted(p.relative_to(theirs) for p in theirs.rglob("*.parquet")):
        sys.exit(f"{name} writes other files than ingest")
    for part in names:
        a, b = (_plain(pq.read_table(folder / part, partitioning=None)) for folder in (ours, theirs))
        if not a.equals(b):
            sys.exit(f"{name} writes other rows to {part} than ingest")


def _plain(table: pa.Table) -> pa.Table:
    """Types aside that the libraries write differently: text, zones of times."""
    moment = pa.timestamp("us", tz="UTC")
    columns = {"device": table["device"].cast(pa.string())}
    columns |= {name: table[name].cast(moment) for name in ("time", "received")}
    columns |= {name: pc.if_else(pc.is_nan(table[name]), None, table[name]) for name in CHANNELS}
    return pa.table(columns).combine_chunks()


def _encode_alone(rows: Path) -> float:
    """CPU-seconds to write the rows that are there and nothing else: the wall nobody can pass."""
    from pipelines.ingest.encode import write_parquet

    total = 0.0
    with tempfile.TemporaryDirectory() as aside:
        for part in sorted(rows.rglob("*.parquet")):
            table = pq.read_table(part, partitioning=None, read_dictionary=["device"])
            began = time.process_time()
            write_parquet(Path(aside) / "part.parquet", table)
            total += time.process_time() - began
    return total


if __name__ == "__main__":
    main()
