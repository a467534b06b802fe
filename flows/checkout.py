"""The checkout that a command works on: its root, DVC's settings where there is no git, and the lock of a lap."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def find_root(start: Path | None = None) -> Path:
    """The nearest folder, from `start` (the working directory) upwards, that holds params.yaml; else `start` itself.

    Without a params.yaml anywhere, loading the parameters gives the clear error.
    """
    here = (start or Path.cwd()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "params.yaml").is_file()), here)


def fit_dvc_to_git(root: Path) -> None:
    """Tell DVC whether this checkout has a git history: without one it refuses to work unless core.no_scm is set."""
    from dvc.config import Config

    has_git = (root / ".git").exists()
    config = Config(dvc_dir=str(root / ".dvc"), validate=False)
    told = config.read("local").get("core", {}).get("no_scm", False)
    if told == (not has_git):
        return
    with config.edit("local") as local:
        core = local.setdefault("core", {})
        if has_git:
            core.pop("no_scm", None)
        else:
            core["no_scm"] = True


CODE = ("edge", "pipelines", "flows")
_SETTINGS = ("params.yaml", "dvc.yaml", ".dvcignore", ".dvc/config")


def copy_checkout(root: Path, folder: Path) -> Path:
    """A checkout of its own in the new `folder`: the code and the parameters, no data, no results, no git history.

    What Python and numba compiled comes along.
    """
    (folder / ".dvc").mkdir(parents=True)
    for name in filter(lambda name: (root / name).is_dir(), CODE):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("*.egg-info"))
    for name in filter(lambda name: (root / name).is_file(), _SETTINGS):
        shutil.copyfile(root / name, folder / name)
    fit_dvc_to_git(folder)
    return folder


def set_params(folder: Path, values: Mapping[str, Any]) -> None:
    """Set values of a copy's params.yaml by their dotted path; comments and layout are not kept."""
    import yaml

    from pipelines.files import write_bytes  # pandas comes with it

    path = folder / "params.yaml"
    tree = yaml.safe_load(path.read_text())
    for dotted, value in values.items():
        *blocks, key = dotted.split(".")
        node = tree
        for block in blocks:
            node = node.setdefault(block, {})
        node[key] = value
    write_bytes(path, yaml.safe_dump(tree, sort_keys=False).encode())


@contextmanager
def one_lap_at_a_time(root: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the checkout's lap lock. Others wait here; `waiting` is told once, with the holder's process id.

    The lock is the kernel's: it ends with the process that holds it. Within one process it may be entered again.
    """
    from filelock import FileLock, Timeout

    path = root / ".fleetloop" / "lap.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_suffix(".pid")
    lock = FileLock(path, is_singleton=True, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = holder.read_text().strip() if holder.exists() else "unknown"
        waiting(f"another lap runs in this checkout (process {pid}); waiting for it to end")
        lock.acquire()
    try:
        holder.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()
