"""Features against pandas, Polars, coreforecast and tsfresh: CPU, wall, peak memory; each job in its own process.

`python -m benchmarks.features [ROWS] [REPEATS]`; every peer reads the same file, uses one thread, and runs in turn with
the others. Rows that are compared: the same random ones.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import feature_peers as peers
from benchmarks.results import Figure, record

Float32 = NDArray[np.float32]
CHANNELS, DEVICE_ROWS, MISSING, PEER_ROWS, TSFRESH_ROWS = 20, 2000, 0.02, 200_000, 400
WIDTH = CHANNELS * len(peers.WINDOWS) * len(peers.STATS)
ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def main(rows: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory(prefix="fleetloop-bench-") as name:
        folder = Path(name)
        _values(rows, folder)
        for job in JOBS:
            _run(job, folder)  # compiled, and in the page cache
        times: dict[str, list[dict[str, Any]]] = {job: [] for job in JOBS}
        for _ in range(repeats):
            for job in JOBS:
                times[job].append(_run(job, folder))
        _check(folder)
    middle = {
        job: {key: statistics.median(t[key] for t in of) for key in ("cpu", "wall", "peak", "made")}
        for job, of in times.items()
    }
    record("features", _figures(middle))


def _figures(of: dict[str, dict[str, float]]) -> list[Figure]:
    """Ratios of CPU-seconds per value made, ours above the peer's."""
    each = {job: seen["cpu"] / seen["made"] for job, seen in of.items()}
    ours, kept = each["streamed"], each["kept"]
    per_million = 1e6 * WIDTH
    step = 1e6 * of["step"]["cpu"] / of["step"]["made"]
    return [
        Figure("streamed, against pandas", ours / each["pandas"], "of its CPU", goal=1 / 15, stretch=1 / 20),
        Figure("streamed, against Polars over", ours / each["polars_over"], "of its CPU", goal=1 / 15, stretch=1 / 20),
        Figure("streamed, against Polars by device", ours / each["polars_slices"], "of its CPU", goal=1 / 10,
               stretch=1 / 15),
        Figure("streamed, coreforecast per value", each["coreforecast"] / ours, "x", "higher", 1.5, 1.9),
        Figure("streamed, tsfresh per value", each["tsfresh"] / ours, "x", "higher", 300, 500),
        Figure("streamed, against filling fresh memory", ours / each["fill"], "x", goal=4, stretch=3),
        Figure("streamed, against filling memory in use", ours / each["refill"], "x"),
        Figure("streamed, peak memory", of["streamed"]["peak"], "MB", goal=450, stretch=350, absolute=True),
        Figure("streamed, wall", of["streamed"]["wall"], "s", absolute=True),
        Figure("streamed, 1 M rows", ours * per_million, "cpu s", absolute=True),
        Figure("pandas, 1 M rows", each["pandas"] * per_million, "cpu s", absolute=True),
        Figure("Polars over, 1 M rows", each["polars_over"] * per_million, "cpu s", absolute=True),
        Figure("kept, against pandas", kept / each["pandas"], "of its CPU", goal=1 / 7, stretch=1 / 12),
        Figure("kept, against Polars over", kept / each["polars_over"], "of its CPU", goal=1 / 7, stretch=1 / 12),
        Figure("kept, coreforecast per value", each["coreforecast"] / kept, "x", "higher", 0.9, 1.2),
        Figure("two threads, speed of one", of["streamed"]["wall"] / of["two_threads"]["wall"], "x",
               "higher", 1.8, 1.9),
        Figure("step on the device", step, "us a row", goal=50, stretch=25, absolute=True),
        Figure("training windows of 48 x 20, two threads", of["loader"]["made"] / of["loader"]["wall"] / 1e6, "M/s",
               "higher", 1.8, 2.5, absolute=True),
    ]  # fmt: skip


def _values(rows: int, folder: Path) -> None:
    """Channels (S, n), drifting around 1e3; the peers get the first PEER_ROWS as a table."""
    rng = np.random.default_rng(0)
    drift = np.linspace(0, 5, rows, dtype=np.float32)
    values = np.empty((CHANNELS, rows), dtype=np.float32)
    for c in range(CHANNELS):
        values[c] = 1e3 + drift + rng.normal(size=rows).astype(np.float32)
        values[c, rng.random(rows) < MISSING] = np.nan
    np.save(folder / "values.npy", values)
    few = min(rows, PEER_ROWS)
    table = pd.DataFrame({f"c{c}": values[c, :few] for c in range(CHANNELS)})
    table.insert(
        0, "device", pd.array(np.repeat(np.arange(few // DEVICE_ROWS), DEVICE_ROWS).astype("str"), dtype="str")
    )
    table.to_parquet(folder / "table.parquet")
    np.save(folder / "rows.npy", np.sort(rng.choice(few, 200, replace=False)))


def _run(job: str, folder: Path) -> dict[str, Any]:
    print(f"{job} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.features", "job", job, str(folder)]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _check(folder: Path) -> None:
    """Peers must give our values: within 1e-4 of the channels' spread, which is 1."""
    ours = np.load(folder / "kept.npy")
    for job in ("pandas", "polars_over", "polars_slices"):
        theirs = np.load(folder / f"{job}.npy")
        both = np.isfinite(ours) & np.isfinite(theirs)
        assert (np.isnan(ours) == np.isnan(theirs)).mean() > 0.999, f"{job} misses other values than we do"
        worst = float(np.abs(ours - theirs)[both].max())
        assert worst < 2e-3, f"{job} differs from ours by {worst:.2g}"


class _Clock:
    """CPU and wall of the part that is measured."""

    def __enter__(self) -> _Clock:
        self.cpu, self.wall = -time.process_time(), -time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time()
        self.wall += time.perf_counter()


def _wanted() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Window lengths, and rows of the output by window, statistic and channel, as `peers` order them."""
    from pipelines.features.trailing_kernels import STATS

    rows = np.full((CHANNELS, len(peers.WINDOWS), len(STATS)), -1, dtype=np.int64)
    for w in range(len(peers.WINDOWS)):
        for k, stat in enumerate(peers.STATS):
            first = (w * len(peers.STATS) + k) * CHANNELS
            rows[:, w, STATS.index(stat)] = np.arange(first, first + CHANNELS)
    return np.array(peers.WINDOWS, dtype=np.int64), rows


def _stream(values: Float32, first: int = 0, step: int = 1) -> None:
    """Every `step`-th block of two devices into one buffer."""
    from pipelines.features.trailing_kernels import trailing

    lengths, rows = _wanted()
    size = 2 * DEVICE_ROWS
    out = np.empty((WIDTH, size), dtype=np.float32)
    starts = np.array([0, DEVICE_ROWS, size])
    for block in range(first * size, values.shape[1], step * size):
        trailing(np.ascontiguousarray(values[:, block : block + size]), starts, lengths, rows, out)


def _warm() -> None:
    _stream(np.zeros((CHANNELS, 2 * DEVICE_ROWS), dtype=np.float32))


def _streamed(folder: Path, clock: _Clock) -> int:
    values = np.load(folder / "values.npy", mmap_mode="r")
    _warm()
    with clock:
        _stream(values)
    return int(values.shape[1]) * WIDTH


def _two_threads(folder: Path, clock: _Clock) -> int:
    from concurrent.futures import ThreadPoolExecutor

    values = np.load(folder / "values.npy", mmap_mode="r")
    _warm()
    with clock, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda k: _stream(values, k, 2), range(2)))
    return int(values.shape[1]) * WIDTH


def _kept(folder: Path, clock: _Clock) -> int:
    from pipelines.features.trailing_kernels import trailing

    values = np.load(folder / "values.npy", mmap_mode="r")[:, :PEER_ROWS].copy()
    lengths, rows = _wanted()
    _warm()
    with clock:
        out = np.empty((WIDTH, values.shape[1]), dtype=np.float32)
        trailing(values, np.arange(0, values.shape[1] + 1, DEVICE_ROWS), lengths, rows, out)
    np.save(folder / "kept.npy", out[:, np.load(folder / "rows.npy")].T)
    return int(out.size)


def _peer(compute: Callable[[pd.DataFrame, NDArray[np.int64]], Float32]) -> Callable[[Path, _Clock], int]:
    def job(folder: Path, clock: _Clock) -> int:
        table, rows = pd.read_parquet(folder / "table.parquet"), np.load(folder / "rows.npy")
        compute(table.head(DEVICE_ROWS), rows[rows < DEVICE_ROWS])
        with clock:
            found = compute(table, rows)
        np.save(folder / f"{compute.__name__.replace('_rolling', '')}.npy", found)
        return len(table) * WIDTH

    return job


def _coreforecast(folder: Path, clock: _Clock) -> int:
    values = np.nan_to_num(np.load(folder / "values.npy", mmap_mode="r")[:, :PEER_ROWS])
    peers.coreforecast_rolling(values[:, :DEVICE_ROWS], 1)
    with clock:
        return peers.coreforecast_rolling(values, values.shape[1] // DEVICE_ROWS)


def _tsfresh(folder: Path, clock: _Clock) -> int:
    values = np.load(folder / "values.npy", mmap_mode="r")[:2, :TSFRESH_ROWS]
    with clock:
        return peers.tsfresh_rolled(values)


def _fill(folder: Path, clock: _Clock) -> int:
    with clock:
        np.full((WIDTH, PEER_ROWS), 1.0, dtype=np.float32)
    return WIDTH * PEER_ROWS


def _refill(folder: Path, clock: _Clock) -> int:
    out = np.full((WIDTH, PEER_ROWS), 1.0, dtype=np.float32)
    with clock:
        out.fill(2.0)
    return int(out.size)


def _step(folder: Path, clock: _Clock) -> int:
    from fleetloop_edge.features import FeatureState
    from fleetloop_edge.grid import Slot
    from fleetloop_edge.spec import FeatureSpec, Sequence, Trailing

    names = tuple(f"c{i}" for i in range(CHANNELS))
    trailing = (Trailing(peers.STATS, peers.WINDOWS[1:]),)  # type: ignore[arg-type]
    spec = FeatureSpec(names, 60.0, trailing=trailing, age=False, missing=False, sequence=Sequence(inputs=("value",)))
    values = np.load(folder / "values.npy", mmap_mode="r")[:, :20_000].T.copy()
    slots = [Slot(i, 60.0 * i, 60.0 * i + 60, row, np.isfinite(row), 0) for i, row in enumerate(values)]
    state = FeatureState(spec)
    for slot in slots[:500]:
        state.push(slot)
    with clock:
        for slot in slots:
            state.push(slot)
    return len(slots)


def _loader(folder: Path, clock: _Clock) -> int:
    from concurrent.futures import ThreadPoolExecutor

    from pipelines.train.gather import gather

    steps, batch, count = 48, 512, 400
    inputs = np.nan_to_num(np.load(folder / "values.npy", mmap_mode="r").T).astype(np.float32)
    nowhere = np.zeros(batch, dtype=np.int64)
    gather(inputs, nowhere, nowhere, True, np.empty((batch, steps, CHANNELS), dtype=np.float32))
    draws = np.random.default_rng(0).integers(steps, len(inputs), (2 * count, batch))

    def read(first: int) -> None:
        out = np.empty((batch, steps, CHANNELS), dtype=np.float32)
        for end in draws[first : first + count]:
            gather(inputs, end, nowhere, True, out)

    with clock, ThreadPoolExecutor(2) as pool:
        list(pool.map(read, (0, count)))
    return int(draws.size)


JOBS: dict[str, Callable[[Path, _Clock], int]] = {
    "streamed": _streamed,
    "pandas": _peer(peers.pandas_rolling),
    "polars_over": _peer(peers.polars_over),
    "polars_slices": _peer(peers.polars_slices),
    "kept": _kept,
    "coreforecast": _coreforecast,
    "tsfresh": _tsfresh,
    "fill": _fill,
    "refill": _refill,
    "two_threads": _two_threads,
    "step": _step,
    "loader": _loader,
}


if __name__ == "__main__":
    if sys.argv[1:2] == ["job"]:
        clock = _Clock()
        made = JOBS[sys.argv[2]](Path(sys.argv[3]), clock)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps({"cpu": clock.cpu, "wall": clock.wall, "peak": peak, "made": made}))
    else:
        main(int((sys.argv[1:] or ["1000000"])[0]), int((sys.argv[2:] or ["3"])[0]))
