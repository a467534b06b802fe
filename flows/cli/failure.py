"""From an exception to one clear line and an exit code."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from fleetloop_edge.errors import EdgeError
from flows.server import ServerLost
from pipelines.errors import PipelineError

REFUSED, WRONG_INPUT, CRASHED, INTERRUPTED = 1, 2, 3, 130

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def explain(error: BaseException) -> tuple[int, str] | None:
    """Exit code and sentence for an error that a person can act on; None for one that needs its traceback."""
    if isinstance(error, PipelineError):
        return error.exit_code, " ".join(str(error).split())
    if isinstance(error, EdgeError):
        return WRONG_INPUT, " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in _FULL:
        where = error.filename or _fullest()
        return WRONG_INPUT, f"no space left on the disk that holds {where}; free some and run the same command again"
    if isinstance(error, OSError) and error.errno in _DENIED and error.filename:
        return WRONG_INPUT, f"{error.filename}: {(error.strerror or 'denied').lower()}; make it readable and writable"
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; what was finished is kept, run the same command again to go on"
    return None


def _fullest() -> Path:
    """The fuller one of the two disks that are written to where an error names no file: this folder's, and TMPDIR's."""
    places = [place for place in (Path.cwd(), Path(os.environ.get("TMPDIR", "/tmp"))) if place.is_dir()]
    return min(places, key=lambda place: shutil.disk_usage(place).free)


@contextmanager
def failing_clearly() -> Iterator[None]:
    """End the process with the error's line and exit code; an unforeseen error keeps its traceback and exits 3."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        found = explain(error)
        if found is None:
            sys.excepthook(type(error), error, error.__traceback__)
            sys.exit(CRASHED)
        code, line = found
        print(f"fleetloop: {line}", file=sys.stderr)
        if isinstance(error, ServerLost):
            _exit_at_once(code)
        sys.exit(code)


def _exit_at_once(code: int) -> NoReturn:
    """Without Prefect's last words: at an ordinary exit it would try for most of a minute to reach its server."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
