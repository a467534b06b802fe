"""Where each room's files are, and how they are written: to a temporary name, fsynced, renamed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A checkout. `place.room("pumps", "features")` is data/pumps/features."""

    root: Path

    def raw(self, dataset: str) -> Path:
        return self.root / "data" / "raw" / dataset

    def room(self, name: str, room: str) -> Path:
        """name: a dataset for ingest and validate, a use case after."""
        return self.root / "data" / name / room

    def untracked(self, name: str, room: str) -> Path:
        """For what is measured or timestamped (latency, Data Docs, verdicts): never a DVC output."""
        return self.root / ".fleetloop" / name / room


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling that takes `path`'s place, whole, when the block ends well; else it vanishes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        fsync(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary sibling folder that takes `path`'s place when the block ends well; else it vanishes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                fsync(file)
        temporary.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".old"))
            path.replace(old / "old")
            temporary.replace(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people and machines alike: sorted keys, two blanks, a final newline."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path, made_by: str) -> Any:
    """Read JSON. Raises DataError that names the command (`made_by`) which makes the file."""
    return _read(path, made_by, lambda p: json.loads(p.read_text()))


def write_table(path: Path, frame: pd.DataFrame | pa.Table) -> None:
    """Write Parquet (zstd) without pandas metadata: the same frame gives the same bytes."""
    table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd", compression_level=1)


def read_table(path: Path, made_by: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read one Parquet file, or the columns wanted. Raises DataError that names the command which makes the file."""
    wanted = None if columns is None else list(columns)
    frame: pd.DataFrame = _read(path, made_by, lambda p: pq.read_table(p, columns=wanted).to_pandas())
    return frame


def _read(path: Path, made_by: str, reader: Callable[[Path], T]) -> T:
    try:
        return reader(path)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; make it with `{made_by}`") from None
    except (pa.ArrowInvalid, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} cannot be read ({reason}); delete it and run `{made_by}` again") from None


def fsync(path: Path) -> None:
    """Have what was written to a file or a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
