"""A run's own workspace beside the engineer's checkout: a clone, or a copy where there is no git, on the shared cache.

What the run made becomes a branch of the checkout's repository, or stays as a folder where there is no git: `dvc repro`
there runs nothing.
"""

from __future__ import annotations

import contextlib
import filecmp
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from flows.checkout import CODE, copy_checkout, fit_dvc_to_git
from flows.environment import child_environment
from flows.ground import in_use, point_to
from pipelines.errors import DataError, StoreError
from pipelines.files import Place

KEPT = 10
"""Workspaces without git that stay, the newest; with git the branches stay and the workspaces go."""

_AUTHOR = ("-c", "user.name=fleetloop", "-c", "user.email=fleetloop@localhost")
_MADE = ("params.yaml", "dvc.yaml", "dvc.lock", "data")
_LINKS = "reflink,hardlink,symlink,copy"


def workspaces(home: Path) -> Path:
    """The folder that holds a checkout's workspaces."""
    return home / ".fleetloop" / "workspaces"


@contextmanager
def occupied(home: Path, name: str) -> Iterator[Path]:
    """The folder of a living run's workspace; `sweep` leaves it alone for as long as this process lives.

    The mark is a lock of the kernel's: no clock and no kill -9 can make a living run look dead, or a dead one alive.
    """
    mark = _marks(home) / f"{name}.lock"
    mark.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(mark):
        try:
            yield workspaces(home) / name
        finally:
            mark.unlink(missing_ok=True)


def sweep(home: Path) -> list[str]:
    """Remove the workspaces of runs that died before they could do it themselves; their names."""
    swept = []
    for mark in sorted(_marks(home).glob("*.lock")):
        with contextlib.suppress(Timeout), FileLock(mark, timeout=0):
            folder = workspaces(home) / mark.stem
            if folder.is_dir() and folder.resolve() not in in_use(home):
                drop_workspace(folder)
                swept.append(mark.stem)
            mark.unlink(missing_ok=True)
    return swept


def open_workspace(home: Path, name: str, datasets: Iterable[str]) -> Path:
    """A checkout of `home`'s last commit (of its files as they are, without git) with the datasets' raw files.

    DVC's cache and run-cache are those of `home`: what either has computed the other finds. Raises DataError where the
    repository or the raw files cannot be read.
    """
    folder = workspaces(home) / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    if has_commits(home):
        _git(home, "clone", "--quiet", str(home), str(folder))
        _take_compiled(home, folder)
    else:
        copy_checkout(home, folder)
    if (home / "dvc.lock").exists() and not (folder / "dvc.lock").exists():
        shutil.copyfile(home / "dvc.lock", folder / "dvc.lock")
    share_cache(home, folder)
    _dvc(folder, "checkout", "--quiet", "--allow-missing")
    for dataset in datasets:  # after the checkout: the committed pointer knows nothing of files that came since
        raw, mine = Place(home).raw(dataset), Place(folder).raw(dataset)
        if not raw.is_dir():
            raise DataError(f"{raw} does not exist; bring its files by `fleetloop data add {dataset} FOLDER`")
        shutil.rmtree(mine, ignore_errors=True)
        shutil.copytree(raw, mine)  # no links: a vendor may go on writing into a file
    return folder


def keep_results(home: Path, folder: Path, label: str, message: str) -> str:
    """Turn what the run made into a branch of `home`'s repository, or leave the folder; where it is, in words.

    label: the branch's name up to the workspace's own, as in retrain/pumps.
    """
    if not (folder / ".git").exists():
        return f"folder {folder}"
    branch = f"{label}/{folder.name}"
    _git(folder, "checkout", "--quiet", "-b", branch)
    for path in _MADE:
        if (folder / path).exists():
            _git(folder, "add", "--", path)
    _git(folder, *_AUTHOR, "commit", "--quiet", "--allow-empty", "-m", message)
    _git(folder, "push", "--quiet", "origin", f"{branch}:{branch}")
    return f"branch {branch}"


def drop_workspace(folder: Path) -> None:
    """Remove a workspace; what DVC made in it stays in the cache."""
    shutil.rmtree(folder, ignore_errors=True)


def settle(home: Path, folder: Path, champion_of: Iterable[str]) -> None:
    """Remember whose champion was made in `folder`, and remove the workspaces that nobody needs any more.

    A clone whose results are on a branch goes, unless a champion's data stand in it; of folders without git the newest
    stay.
    """
    before = in_use(home)
    for use_case in champion_of:
        point_to(home, use_case, folder)
    kept = in_use(home)
    for clone in {folder.resolve(), *before} - kept:
        if (clone / ".git").exists():
            drop_workspace(clone)
    with contextlib.suppress(OSError):  # another run may do the same at the same time
        copies = [path for path in workspaces(home).iterdir() if not (path / ".git").exists()]
        for old in sorted(copies, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            if old.resolve() not in kept:
                drop_workspace(old)


def _marks(home: Path) -> Path:
    return home / ".fleetloop" / "occupied"


def uncommitted(home: Path) -> list[str]:
    """Files of the checkout that a run would begin without, or with older ones: what the last commit has otherwise.

    Empty where there is no git: a run's workspace is then a copy of the files as they are.
    """
    if not has_commits(home):
        return []
    done = _run(home, ["git", "status", "--porcelain", "--untracked-files=all", "--", *_MADE, *CODE])
    return [line[3:].strip('"') for line in done.stdout.splitlines()]


def has_commits(root: Path) -> bool:
    """Whether there is a git history here, and a git program to read it."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        return False
    return _run(root, ["git", "rev-parse", "--quiet", "--verify", "HEAD"]).returncode == 0


def _take_compiled(home: Path, folder: Path) -> None:
    """Files that are the same keep their times: what Python and numba compiled from them is not compiled again."""
    for source in folder.rglob("*.py"):
        original = home / source.relative_to(folder)
        if original.exists() and filecmp.cmp(original, source, shallow=False):
            shutil.copystat(original, source)
    for code in ("edge", "pipelines", "flows"):
        for compiled in (home / code).rglob("__pycache__"):
            target = folder / compiled.relative_to(home)
            if target.parent.is_dir():
                shutil.copytree(compiled, target, dirs_exist_ok=True)


def share_cache(home: Path, folder: Path) -> None:
    from dvc.config import Config

    fit_dvc_to_git(folder)
    mine = Config(dvc_dir=str(home / ".dvc"), validate=False)
    with Config(dvc_dir=str(folder / ".dvc"), validate=False).edit("local") as local:
        local["remote"] = mine.read("local").get("remote", {})
        cache = mine.get("cache", {}).get("dir") or str(home / ".dvc" / "cache")
        local["cache"] = {"dir": str((home / ".dvc" / cache).resolve()), "type": _LINKS}


def _git(root: Path, *words: str) -> None:
    done = _run(root, ["git", *words])
    if done.returncode:
        reason = " ".join(done.stderr.split())[-300:]
        raise StoreError(f"git {words[0]} failed in {root}: {reason}")


def _dvc(root: Path, *words: str) -> None:
    """What fails here is done again, and said clearly, by the stages themselves."""
    _run(root, ["dvc", *words])


def _run(root: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=root, env=child_environment(root), capture_output=True, text=True)
