"""Files that take their places together or not at all, whenever the process is killed.

New files are written beside the folder that they belong to. Then a journal says which goes where; from there on the
change is decided, and whoever comes next ends it. A file is replaced by rename, never written in place: it may be a
link into a cache.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pipelines.files import fsync, write_json

_JOURNAL, _STAGED = "journal.json", "staged"


class Change:
    """New, replaced and dropped files of `folder`; `work`: a folder on the same disk, of this change alone."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.work = work
        self._dropped: set[str] = set()
        (work / _STAGED).mkdir(parents=True)

    def new(self, name: str) -> Path:
        """Where to write what shall stand at folder/name."""
        path = self.work / _STAGED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def drop(self, name: str) -> None:
        """Let folder/name vanish, if it is there."""
        self._dropped.add(name)

    @contextmanager
    def settling(self) -> Iterator[Callable[[str], None]]:
        """`settle(name)`: a new file is whole; send it to the disk while others are being made. `commit` finds
        little left to wait for."""
        with ThreadPoolExecutor(1) as pool:
            pending: list[Future[None]] = []
            yield lambda name: pending.append(pool.submit(fsync, self.work / _STAGED / name))
            for each in pending:
                each.result()

    def commit(self) -> None:
        """Make the change. What is equal to the file in place leaves that file alone."""
        staged = sorted(path for path in (self.work / _STAGED).rglob("*") if path.is_file())
        names = {path.relative_to(self.work / _STAGED).as_posix(): path for path in staged}
        puts = [name for name, path in names.items() if not _equal(path, self.folder / name)]
        for name in puts:
            fsync(names[name])
        write_json(self.work / _JOURNAL, {"put": puts, "drop": sorted(self._dropped - set(names))})
        finish(self.folder, self.work)


def finish(folder: Path, work: Path) -> None:
    """End a change that was decided, forget one that was not. Safe to repeat."""
    journal = work / _JOURNAL
    if journal.is_file():
        decided = json.loads(journal.read_text())
        for name in decided["put"]:
            staged = work / _STAGED / name
            if staged.is_file():  # else it has its place already
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                staged.chmod(0o644)
                staged.replace(folder / name)
        for name in decided["drop"]:
            (folder / name).unlink(missing_ok=True)
        for parent in sorted({(folder / name).parent for name in (*decided["put"], *decided["drop"])}):
            if parent.is_dir():
                fsync(parent)
        journal.unlink()
    shutil.rmtree(work, ignore_errors=True)


def _equal(new: Path, old: Path) -> bool:
    if not old.is_file() or old.stat().st_size != new.stat().st_size:
        return False
    with new.open("rb") as a, old.open("rb") as b:
        while True:
            piece = a.read(1 << 20)
            if piece != b.read(1 << 20):
                return False
            if not piece:
                return True
