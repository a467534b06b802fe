"""Cleaning, features, the device's step and training batches: CPU-seconds, wall, peak memory, and what others take.

`python -m benchmarks.features [PART ...] [--repeats N]`: all parts, or some (the other figures stay as they were found
before). Each job runs in a process of its own, in turn with the others, on the same bytes, with one thread unless it
says two; medians of the repeats; every output is checked against ours.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import clean_jobs, feature_jobs
from benchmarks.jobs import take_turns
from benchmarks.results import Figure, record

FEATURES, CLEANING = "benchmarks.feature_jobs", "benchmarks.clean_jobs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features", description="Benchmark of the features.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all, unless some are named")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    for part in asked.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="fleetloop-bench-") as name:
            record("features", PARTS[part](Path(name), asked.repeats), partial=True)


def _windows(folder: Path, repeats: int) -> list[Figure]:
    """Window features, per value made."""
    feature_jobs.write_values(folder)
    jobs = ("streamed", "pandas", "polars_over", "polars_slices", "kept", "coreforecast", "coreforecast_kept",
            "tsfresh", "fill", "refill")  # fmt: skip
    of = take_turns(FEATURES, jobs, folder, repeats)
    feature_jobs.check(folder)
    each = {job: seen["cpu"] / seen["made"] for job, seen in of.items()}
    ours, kept, million = each["streamed"], each["kept"], 1e6 * feature_jobs.WIDTH
    return [
        _of_its_cpu("streamed, against pandas", ours / each["pandas"], 15, 20),
        _of_its_cpu("streamed, against Polars over", ours / each["polars_over"], 15, 20),
        _of_its_cpu("streamed, against Polars by device", ours / each["polars_slices"], 10, 15),
        Figure("streamed, coreforecast per value", each["coreforecast"] / ours, "x", "higher", 1.5, 1.9),
        Figure("streamed, tsfresh per value", each["tsfresh"] / ours, "x", "higher", 300, 500),
        Figure("streamed, against filling fresh memory", ours / each["fill"], "x", goal=4, stretch=3),
        Figure("streamed, against filling memory in use", ours / each["refill"], "x"),
        Figure("streamed, wall of 1 M rows", of["streamed"]["wall"], "s", absolute=True),
        Figure("streamed, 1 M rows", ours * million, "cpu s", absolute=True),
        Figure("pandas, 1 M rows", each["pandas"] * million, "cpu s", absolute=True),
        Figure("Polars over, 1 M rows", each["polars_over"] * million, "cpu s", absolute=True),
        Figure("kept, against pandas", kept / each["pandas"], "of its CPU", goal=1 / 7, stretch=1 / 12),
        Figure("kept, against Polars over", kept / each["polars_over"], "of its CPU", goal=1 / 7, stretch=1 / 12),
        Figure("kept, coreforecast per value", each["coreforecast_kept"] / kept, "x", "higher", 0.9, 1.2),
        Figure("kept, against filling fresh memory", kept / each["fill"], "x"),
        Figure("kept, peak memory of 200,000 rows", of["kept"]["peak"], "MB", absolute=True),
        Figure("pandas, peak memory of 200,000 rows", of["pandas"]["peak"], "MB", absolute=True),
        Figure("Polars over, peak memory of 200,000 rows", of["polars_over"]["peak"], "MB", absolute=True),
    ]


def _growth(folder: Path, repeats: int) -> list[Figure]:
    """Memory and time that must not grow with the rows; two threads; the first call."""
    feature_jobs.write_values(folder)
    of = take_turns(FEATURES, ("one_thread", "two_threads"), folder, repeats)
    of |= take_turns(FEATURES, ("streamed", "streamed_10m"), folder, 1)
    cache = str(folder / "compiled")
    first, again = (take_turns(FEATURES, ("first_call",), folder, 1, NUMBA_CACHE_DIR=cache)["first_call"]
                    for _ in range(2))  # fmt: skip
    return [
        Figure("two threads, speed of one", of["one_thread"]["wall"] / of["two_threads"]["wall"], "x",
               "higher", 1.8, 1.9),
        Figure("streamed, peak memory", of["streamed"]["peak"], "MB", goal=450, stretch=350, absolute=True),
        Figure("streamed, peak memory of 10 M rows", of["streamed_10m"]["peak"], "MB", goal=450, stretch=350,
               absolute=True),
        Figure("first call, compiling", first["cpu"], "cpu s", goal=10, absolute=True),
        Figure("first call of the next process", again["cpu"], "cpu s", absolute=True),
    ]  # fmt: skip


def _step(folder: Path, repeats: int) -> list[Figure]:
    feature_jobs.write_values(folder)
    of = take_turns(FEATURES, ("step",), folder, repeats)
    of |= take_turns(FEATURES, ("step_1m",), folder, 1)
    each = {job: 1e6 * seen["cpu"] / seen["made"] for job, seen in of.items()}
    return [
        Figure("step on the device", each["step"], "us a row", goal=50, stretch=25, absolute=True),
        Figure("step on the device after 1 M rows", each["step_1m"], "us a row", goal=50, stretch=25, absolute=True),
        Figure("step on the device, memory that 1 M rows add", of["step_1m"]["peak"] - of["step"]["peak"], "MB",
               absolute=True),
    ]  # fmt: skip


def _loader(folder: Path, repeats: int) -> list[Figure]:
    feature_jobs.write_values(folder)
    of = take_turns(FEATURES, ("loader", "share_of_a_step"), folder, repeats)
    return [
        Figure("training windows of 48 x 20, two threads", of["loader"]["made"] / of["loader"]["wall"] / 1e6, "M/s",
               "higher", 1.8, 2.5, absolute=True),
        Figure("loader, share of a training step", of["share_of_a_step"]["made"] / 1000, "of its CPU", goal=0.02),
    ]  # fmt: skip


def _cleaning(folder: Path, repeats: int) -> list[Figure]:
    """The grid of 1 M raw rows."""
    clean_jobs.write_rows(folder)
    of = take_turns(CLEANING, ("ours", "pandas", "polars", "clean_and_write", "write"), folder, repeats)
    clean_jobs.check(folder)
    each = {job: seen["cpu"] / seen["made"] for job, seen in of.items()}
    return [
        _of_its_cpu("cleaning, against Polars", each["ours"] / each["polars"], 4, 5),
        _of_its_cpu("cleaning, against pandas", each["ours"] / each["pandas"], 5, 6),
        Figure("cleaning and writing, against the codec alone", each["clean_and_write"] / each["write"], "x",
               goal=4.5, stretch=3),
        Figure("cleaning, 1 M rows", 1e6 * each["ours"], "cpu s", absolute=True),
        Figure("cleaning by Polars, 1 M rows", 1e6 * each["polars"], "cpu s", absolute=True),
        Figure("cleaning by pandas, 1 M rows", 1e6 * each["pandas"], "cpu s", absolute=True),
    ]  # fmt: skip


def _cleaning_duckdb(folder: Path, repeats: int) -> list[Figure]:
    clean_jobs.write_rows(folder)
    of = take_turns(CLEANING, ("ours", "duckdb"), folder, repeats)
    clean_jobs.check(folder)
    each = {job: seen["cpu"] / seen["made"] for job, seen in of.items()}
    return [
        _of_its_cpu("cleaning, against DuckDB", each["ours"] / each["duckdb"], 12, 16),
        Figure("cleaning by DuckDB, 1 M rows", 1e6 * each["duckdb"], "cpu s", absolute=True),
    ]


def _cleaning_10m(folder: Path, repeats: int) -> list[Figure]:
    """10 M rows, read, cleaned and written bucket by bucket as the stage does it."""
    clean_jobs.write_rows(folder)
    of = take_turns(CLEANING, ("buckets",), folder, 1)["buckets"]
    raw = 10 * clean_jobs.raw_bytes(folder) / 1e6
    return [
        Figure("cleaning 10 M rows, peak memory over the raw table", of["peak"] / raw, "x", goal=1.5, stretch=1.3),
        Figure("cleaning 10 M rows, peak memory", of["peak"], "MB", absolute=True),
        Figure("cleaning 10 M rows, with reading and writing", of["cpu"], "cpu s", absolute=True),
    ]


def _of_its_cpu(name: str, value: float, goal: int, stretch: int) -> Figure:
    return Figure(name, value, "of its CPU", goal=1 / goal, stretch=1 / stretch)


PARTS: dict[str, Callable[[Path, int], list[Figure]]] = {
    "windows": _windows,
    "growth": _growth,
    "step": _step,
    "loader": _loader,
    "cleaning": _cleaning,
    "cleaning_duckdb": _cleaning_duckdb,
    "cleaning_10m": _cleaning_10m,
}

if __name__ == "__main__":
    main()
