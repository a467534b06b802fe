"""A job of a benchmark in a process of its own: its CPU-seconds, its wall time and its peak memory."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Job = Callable[[Path, "Clock"], float]
"""Works in a folder, runs the clock while it does what is measured, and says how much it made."""
Times = dict[str, float]

ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class Clock:
    """CPU and wall of the part that is measured."""

    def __enter__(self) -> Clock:
        self.cpu, self.wall = -time.process_time(), -time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time()
        self.wall += time.perf_counter()


def take_turns(module: str, jobs: Sequence[str], folder: Path, repeats: int, **env: str) -> dict[str, Times]:
    """The medians of each of `module`'s jobs, which run in turn with one thread each, `repeats` times."""
    times: dict[str, list[Times]] = {job: [] for job in jobs}
    for _ in range(repeats):
        for job in jobs:
            times[job].append(_run(module, job, folder, env))
    return {job: {key: statistics.median(t[key] for t in of) for key in of[0]} for job, of in times.items()}


def _run(module: str, job: str, folder: Path, env: Mapping[str, str]) -> Times:
    print(f"{job} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", module, job, str(folder)]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD, **env}, check=True, stdout=subprocess.PIPE, text=True
    )
    found: Times = json.loads(done.stdout.splitlines()[-1])
    return found


def main(jobs: Mapping[str, Job]) -> None:
    """Run the job that the command line names, in the folder that it names, and print what it took."""
    clock = Clock()
    made = jobs[sys.argv[1]](Path(sys.argv[2]), clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"cpu": clock.cpu, "wall": clock.wall, "peak": peak, "made": made}))
