"""What the flow costs over DVC alone: a cold `pumps` lap by `fleetloop run` against one by `dvc repro`.

Both start from the same raw files in their own copy of the checkout, with an empty DVC cache; Prefect's database is
migrated before. Both must end with the same dvc.lock.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.results import Figure, record
from flows.checkout import copy_checkout
from flows.environment import child_environment

ROOT = Path(__file__).parents[1]
USE_CASE = "pumps"
SHARE, SECONDS = 0.10, 15.0  # the flow may take this much more than DVC alone


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fleetloop-bench-") as folder:
        by_hand, by_flow = (copy_checkout(ROOT, Path(folder) / name) for name in ("hand", "flow"))
        _run(by_hand, "fleetloop", "data", "simulate", USE_CASE)
        shutil.copytree(by_hand / "data", by_flow / "data")
        Path(_environment(by_flow)["PREFECT_HOME"]).mkdir(parents=True)
        _run(by_flow, "prefect", "server", "database", "upgrade", "--yes")
        hand = _timed(by_hand, "dvc", "repro")
        flow = _timed(by_flow, "fleetloop", "run", USE_CASE)
        again = _timed(by_flow, "fleetloop", "run", USE_CASE)
        nothing = _timed(by_hand, "dvc", "repro")
        locks = [yaml.safe_load((where / "dvc.lock").read_text()) for where in (by_hand, by_flow)]
        if locks[0] != locks[1]:
            sys.exit("the flow and `dvc repro` ended with different dvc.lock files")
    record("flow", [
        Figure("dvc repro, cold", hand[0], "s", absolute=True),
        Figure("flow, cold", flow[0], "s", absolute=True),
        Figure("flow less 1.1 x dvc repro", flow[0] - (1 + SHARE) * hand[0], "s", goal=SECONDS, absolute=True),
        Figure("dvc repro, cold, cpu", hand[1], "cpu s", absolute=True),
        Figure("flow, cold, cpu", flow[1], "cpu s", absolute=True),
        Figure("flow, all unchanged", again[0], "s", absolute=True),
        Figure("dvc repro, all unchanged", nothing[0], "s", goal=5.0, absolute=True),
    ])  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    own = {name: value for name, value in child_environment(folder).items() if not name.startswith("PREFECT_API")}
    return {**own, "PREFECT_HOME": str(folder / ".fleetloop" / "prefect"), "FLEETLOOP_STORE": "data/release"}


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, env=_environment(folder), check=True, stdout=subprocess.DEVNULL)


def _timed(folder: Path, *command: str) -> tuple[float, float]:
    """Wall and CPU seconds, children included."""
    print(f"{' '.join(command)} ...", file=sys.stderr, flush=True)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    _run(folder, *command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.sync()
    return time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
