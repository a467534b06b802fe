"""The demo from the block of params.yaml to the page: its folder, its parameters, its end."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.checkout import copy_checkout, set_params
from flows.demo.beside import Beside
from flows.demo.loop import Loop, Say
from flows.demo.ways import Here
from pipelines.errors import DataError, ParamsError
from pipelines.params import DemoSpec, load_params

MARK = ".fleetloop-demo"


def show_loop(root: Path, folder: Path, say: Say) -> Path:
    """Let the demo of params.yaml happen in `folder`, a checkout of its own that replaces an earlier one's.

    The page's path; timeline.json lies beside it. Raises ParamsError where params.yaml has no demo, DataError where
    the folder holds something else or a step fails.
    """
    spec = load_params(root).demo
    if spec is None:
        raise ParamsError("params.yaml has no block `demo`, which says what happens to the fleet")
    if folder.exists() and not (folder / MARK).exists():
        raise DataError(f"{folder} exists and is no folder of an earlier demo; name a new one (-o)")
    shutil.rmtree(folder, ignore_errors=True)
    copy_checkout(root, folder)
    (folder / MARK).touch()
    _set_params(folder, spec)
    loop = Loop(folder, spec, lambda: Here(folder, spec.use_case), say)
    with ThreadPoolExecutor(1) as beside:
        loop.live(Beside(folder, spec.use_case, beside))
    return loop.told()


def _set_params(folder: Path, spec: DemoSpec) -> None:
    """This fleet's own params.yaml."""
    dataset = load_params(folder).use_case(spec.use_case).dataset
    fleet = f"datasets.{dataset}.simulate"
    active = {"datasets": [dataset], "use_cases": {spec.use_case: {"dataset": dataset}}}
    values = {"active": active, f"{fleet}.devices": spec.devices, f"{fleet}.days": spec.history_days} | spec.params
    set_params(folder, values)
    load_params(folder)
