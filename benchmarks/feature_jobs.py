"""Jobs of `benchmarks.features`: our window features, the same by others, the device's step and training batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import feature_peers as peers
from benchmarks.jobs import Clock, Job, main

Float32 = NDArray[np.float32]
CHANNELS, DEVICE_ROWS, MISSING = 20, 2000, 0.02
BLOCK = 2 * DEVICE_ROWS
ROWS, PEER_ROWS, TSFRESH_ROWS = 1_000_000, 200_000, 400
WIDTH = CHANNELS * len(peers.WINDOWS) * len(peers.STATS)
LOADER_ROWS, STEPS, BATCH = 10_000_000, 48, 512
NO_BASELINE = np.empty((0, 0))


def write_values(folder: Path) -> None:
    """Channels (blocks, S, rows of a block), drifting around 1e3; the peers get the first PEER_ROWS as a table."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS // BLOCK, CHANNELS, BLOCK)).astype(np.float32)
    values += 1e3 + np.linspace(0, 5, ROWS, dtype=np.float32).reshape(-1, 1, BLOCK)
    values[rng.random(values.shape) < MISSING] = np.nan
    np.save(folder / "values.npy", values)
    few = np.concatenate(values[: PEER_ROWS // BLOCK], axis=1)
    np.save(folder / "few.npy", few)
    table = pd.DataFrame({f"c{c}": few[c] for c in range(CHANNELS)})
    names = np.repeat(np.arange(PEER_ROWS // DEVICE_ROWS), DEVICE_ROWS).astype("str")
    table.insert(0, "device", pd.Series(names, dtype="str"))
    table.to_parquet(folder / "table.parquet")
    np.save(folder / "rows.npy", np.sort(rng.choice(PEER_ROWS, 200, replace=False)))


def check(folder: Path) -> None:
    """Every peer must give our values, at random rows; the channels' spread is 1."""
    ours = np.load(folder / "kept.npy")
    for job in ("pandas", "polars_over", "polars_slices"):
        _same(job, np.load(folder / f"{job}.npy"), ours, 2e-3)
    core = [i for i, stat in enumerate(peers.STATS) if stat in peers.CORE]
    shape = (len(ours), len(peers.WINDOWS), len(peers.STATS), CHANNELS)
    of_core = ours.reshape(shape)[:, :, core].reshape(len(ours), -1)
    _same("coreforecast", np.load(folder / "coreforecast.npy"), of_core, 5e-2)  # its sums are in float32


def _same(job: str, theirs: Float32, ours: Float32, within: float) -> None:
    both = np.isfinite(ours) & np.isfinite(theirs)
    if (np.isnan(ours) == np.isnan(theirs)).mean() <= 0.999:
        raise AssertionError(f"{job} misses other values than we do")
    worst = float(np.abs(ours - theirs)[both].max())
    if worst > within:
        raise AssertionError(f"{job} differs from ours by {worst:.2g}")


def _wanted() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Window lengths, and rows of the output by window, statistic and channel, as `peers` order them."""
    from pipelines.features.compiled import STATS

    rows = np.full((CHANNELS, len(peers.WINDOWS), len(STATS)), -1, dtype=np.int64)
    for w in range(len(peers.WINDOWS)):
        for k, stat in enumerate(peers.STATS):
            first = (w * len(peers.STATS) + k) * CHANNELS
            rows[:, w, STATS.index(stat)] = np.arange(first, first + CHANNELS)
    return np.array(peers.WINDOWS, dtype=np.int64), rows


def _stream(folder: Path, first: int = 0, step: int = 1, times: int = 1) -> int:
    """Every `step`-th block of two devices, read and computed into one buffer; the rows."""
    from pipelines.features.trailing_kernels import trailing

    lengths, rows = _wanted()
    out = np.empty((WIDTH, BLOCK), dtype=np.float32)
    starts = np.array([0, DEVICE_ROWS, BLOCK])
    block, done = np.empty((CHANNELS, BLOCK), dtype=np.float32), 0
    for _ in range(times):
        with (folder / "values.npy").open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            head = file.tell()
            for at in range(first, ROWS // BLOCK, step):
                file.seek(head + at * block.nbytes)
                file.readinto(block.data)
                trailing(block, NO_BASELINE, starts, lengths, rows, out)
                done += BLOCK
    return done


def _warm() -> None:
    from pipelines.features.trailing_kernels import trailing

    lengths, rows = _wanted()
    starts, out = np.array([0, DEVICE_ROWS, BLOCK]), np.empty((WIDTH, BLOCK), dtype=np.float32)
    trailing(np.zeros((CHANNELS, BLOCK), dtype=np.float32), NO_BASELINE, starts, lengths, rows, out)


def _streamed(times: int) -> Job:
    def job(folder: Path, clock: Clock) -> int:
        _warm()
        with clock:
            return _stream(folder, times=times) * WIDTH

    return job


def _two_threads(folder: Path, clock: Clock) -> int:
    from concurrent.futures import ThreadPoolExecutor

    _warm()
    with clock, ThreadPoolExecutor(2) as pool:
        return sum(pool.map(lambda k: _stream(folder, k, 2, 4), range(2))) * WIDTH


def _settle() -> None:
    """Have the machine hand out once as much memory as the output takes: on a virtual one the first touch of a page can
    take twenty times as long as all later ones, whoever touches it. The pages' own clearing is still measured."""
    np.full((WIDTH, PEER_ROWS), 1.0, dtype=np.float32)


def _kept(folder: Path, clock: Clock) -> int:
    from pipelines.features.trailing_kernels import trailing

    values = np.load(folder / "few.npy")
    lengths, rows = _wanted()
    _warm()
    _settle()
    with clock:
        out = np.empty((WIDTH, values.shape[1]), dtype=np.float32)
        trailing(values, NO_BASELINE, np.arange(0, values.shape[1] + 1, DEVICE_ROWS), lengths, rows, out)
    np.save(folder / "kept.npy", out[:, np.load(folder / "rows.npy")].T)
    return int(out.size)


def _first_call(folder: Path, clock: Clock) -> int:
    """All of a process's first call: with nothing compiled, or from the cache."""
    with clock:
        _warm()
    return 1


def _peer(compute: Callable[[Any, NDArray[np.int64]], Float32], prepare: Callable[[pd.DataFrame], Any]) -> Job:
    def job(folder: Path, clock: Clock) -> int:
        table, rows = pd.read_parquet(folder / "table.parquet"), np.load(folder / "rows.npy")
        compute(prepare(table.head(DEVICE_ROWS)), rows[rows < DEVICE_ROWS])
        prepared = prepare(table)
        _settle()
        with clock:
            found = compute(prepared, rows)
        np.save(folder / f"{compute.__name__.replace('_rolling', '')}.npy", found)
        return len(table) * WIDTH

    return job


def _coreforecast(keep: bool) -> Job:
    def job(folder: Path, clock: Clock) -> int:
        values, rows = np.load(folder / "few.npy"), np.load(folder / "rows.npy")
        peers.coreforecast_rolling(values[:, :DEVICE_ROWS], DEVICE_ROWS, rows[:1], keep)
        _settle()
        with clock:
            made, taken = peers.coreforecast_rolling(values, DEVICE_ROWS, rows, keep)
        np.save(folder / "coreforecast.npy", peers.with_whole_deviation(taken, values, DEVICE_ROWS, rows))
        return made

    return job


def _tsfresh(folder: Path, clock: Clock) -> int:
    values = np.load(folder / "few.npy")[:2, :TSFRESH_ROWS]
    with clock:
        return peers.tsfresh_rolled(values)


def _fill(folder: Path, clock: Clock) -> int:
    _settle()
    with clock:
        np.full((WIDTH, PEER_ROWS), 1.0, dtype=np.float32)
    return WIDTH * PEER_ROWS


def _refill(folder: Path, clock: Clock) -> int:
    out = np.full((WIDTH, PEER_ROWS), 1.0, dtype=np.float32)
    with clock:
        out.fill(2.0)
    return int(out.size)


def _step(rows: int) -> Job:
    """Rows pushed one by one; the last 20,000 are measured, so that a growth would show."""

    def job(folder: Path, clock: Clock) -> int:
        from fleetloop_edge.features import FeatureState
        from fleetloop_edge.grid import Slot
        from fleetloop_edge.spec import FeatureSpec, Sequence, Trailing

        names = tuple(f"c{i}" for i in range(CHANNELS))
        trailing = (Trailing(peers.STATS, peers.WINDOWS[1:]),)
        sequence = Sequence(inputs=("value",))
        spec = FeatureSpec(names, 60.0, trailing=trailing, age=False, missing=False, sequence=sequence)
        values = np.ascontiguousarray(np.load(folder / "few.npy")[:, :20_000].T)
        slots = [Slot(i, 60.0 * i, 60.0 * i + 60, row, np.isfinite(row), 0) for i, row in enumerate(values)]
        state = FeatureState(spec)
        for row in range(max(rows - len(slots), 500)):
            state.push(slots[row % len(slots)])
        with clock:
            for slot in slots:
                state.push(slot)
        return len(slots)

    return job


def _loader(folder: Path, clock: Clock) -> int:
    from concurrent.futures import ThreadPoolExecutor

    from pipelines.train.gather import gather

    few = np.ascontiguousarray(np.nan_to_num(np.load(folder / "few.npy")).T)
    inputs = np.empty((LOADER_ROWS, CHANNELS), dtype=np.float32)
    for first in range(0, LOADER_ROWS, len(few)):
        inputs[first : first + len(few)] = few
    start = np.zeros(BATCH, dtype=np.int64)
    gather(inputs, start, start, True, np.empty((BATCH, STEPS, CHANNELS), dtype=np.float32))
    count = 2000
    draws = np.random.default_rng(0).integers(STEPS, LOADER_ROWS, (2 * count, BATCH))

    def read(first: int) -> None:
        out = np.empty((BATCH, STEPS, CHANNELS), dtype=np.float32)
        for end in draws[first : first + count]:
            gather(inputs, end, start, True, out)

    with clock, ThreadPoolExecutor(2) as pool:
        list(pool.map(read, (0, count)))
    return int(draws.size)


def _share_of_a_step(folder: Path, clock: Clock) -> float:
    """CPU of drawing a batch over CPU of a training step with it: what it made is 1000 times that share."""
    import torch

    from fleetloop_edge.scale import Scaler
    from fleetloop_edge.spec import FeatureSpec, Sequence
    from pipelines.params import RecurrentSpec
    from pipelines.train.model import Answer
    from pipelines.train.recurrent_fit import Batches, Unit, _Run
    from pipelines.train.recurrent_net import Net
    from pipelines.train.windows import Held, Windows

    inputs = np.ascontiguousarray(np.load(folder / "few.npy").T)
    rows, spec = np.arange(STEPS, len(inputs)), RecurrentSpec()
    nothing, device = np.zeros(len(rows), dtype=np.float32), (rows // DEVICE_ROWS).astype(np.int32)
    life, devices = np.zeros(len(rows)), tuple(map(str, range(int(device.max()) + 1)))
    names = tuple(f"c{i}" for i in range(CHANNELS))
    features = FeatureSpec(names, 60.0, sequence=Sequence(STEPS, ("value",)))
    windows = Windows(Held(inputs[:, :1], inputs), rows, rows - STEPS + 1, rows, nothing, life, nothing, device,
                      devices, names[:1], names, features)  # fmt: skip
    scaler, unit, answer = Scaler((1e3,) * CHANNELS, (1.0,) * CHANNELS), Unit(0.0, 1.0), Answer(False, None, None)
    batches = Batches(windows, scaler, unit, spec.loss_steps, 0)
    torch.set_num_threads(1)
    run, drawing, learning = _Run(Net(spec, CHANNELS), spec, answer, unit), 0.0, 0.0
    run.learn(*next(batches.draw(1, spec.batch)))
    drawer = batches.draw(60, spec.batch)
    with clock:
        for _ in range(60):
            begun = time.process_time()
            batch = next(drawer)
            drawn = time.process_time()
            run.learn(*batch)
            drawing, learning = drawing + drawn - begun, learning + time.process_time() - drawn
    return 1000 * drawing / learning


JOBS: dict[str, Job] = {
    "streamed": _streamed(1),
    "streamed_10m": _streamed(10),
    "pandas": _peer(peers.pandas_rolling, lambda table: table),
    "polars_over": _peer(peers.polars_over, peers.to_polars),
    "polars_slices": _peer(peers.polars_slices, peers.to_polars),
    "kept": _kept,
    "coreforecast": _coreforecast(keep=False),
    "coreforecast_kept": _coreforecast(keep=True),
    "tsfresh": _tsfresh,
    "fill": _fill,
    "refill": _refill,
    "one_thread": _streamed(4),
    "two_threads": _two_threads,
    "first_call": _first_call,
    "step": _step(20_500),
    "step_1m": _step(1_000_000),
    "loader": _loader,
    "share_of_a_step": _share_of_a_step,
}

if __name__ == "__main__":
    main(JOBS)
