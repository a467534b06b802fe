"""The embedded release store: a directory with the semantics of the S3 one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from pipelines.errors import Conflict, StoreError
from pipelines.files import write_bytes


class DirectoryStore:
    """Objects and pointers as files below `folder`. Several processes may use it at once, on one machine."""

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        self._folder = folder

    def put(self, key: str, data: bytes) -> None:
        """Write an object once. Raises Conflict where the key holds other bytes, StoreError."""
        path = self._folder / key
        with self._refusals(path):
            if not path.exists() and self._link(path, data):
                return
            if path.read_bytes() != data:
                raise Conflict(f"release store {self.url}: {key} exists with other content; objects are written once")

    def get(self, key: str) -> bytes | None:
        """An object's bytes; None where there is none. Raises StoreError."""
        path = self._folder / key
        with self._refusals(path):
            return path.read_bytes() if path.exists() else None

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's value and etag; None where it was never set. Raises StoreError."""
        value = self.get(key)
        return None if value is None else (value, _etag(value))

    def swap_pointer(self, key: str, value: bytes, etag: str | None) -> None:
        """Set a pointer that still has `etag`. Raises Conflict where it moved; StoreError."""
        path = self._folder / key
        with self._refusals(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".swap.lock"):
                held = path.read_bytes() if path.exists() else None
                if (None if held is None else _etag(held)) != etag:
                    raise Conflict(f"release store {self.url}: {key} was moved by somebody else; read it again")
                write_bytes(path, value)

    def _link(self, path: Path, data: bytes) -> bool:
        """Give whole, fsynced bytes their name unless it is taken; False where it is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            os.link(name, path)
        except FileExistsError:
            return False
        finally:
            Path(name).unlink()
        return True

    @contextmanager
    def _refusals(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreError(f"release store {self.url}: {path}: {reason}; nothing was published") from None


def _etag(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
