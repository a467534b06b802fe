"""A source's raw files: which, in which order, and their bytes."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import DataError, ParamsError
from pipelines.params import DatasetSpec, SourceSpec

NOT_DATA = (".dvc", ".tmp", ".md", ".gitignore")
"""Endings of what lies beside raw files but is none."""

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class RawFile:
    """One raw file. `name` is its path below data/raw/<dataset>, with "/"."""

    path: Path
    name: str

    @property
    def stem(self) -> str:
        """The name without its endings: what "{file}" stands for in a template."""
        folder, slash, last = self.name.removesuffix(".gz").rpartition("/")
        return folder + slash + (last.rpartition(".")[0] or last)

    def beside(self, name: str) -> RawFile:
        """Another raw file of the dataset."""
        return RawFile(self.path.parents[self.name.count("/")] / name, name)

    def read(self) -> bytes:
        """Its bytes, unpacked. Raises DataError when it is empty or ends early."""
        try:
            data = self.path.read_bytes()
            data = gzip.decompress(data) if data.startswith(_GZIP) else data
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{self.path} is a truncated or damaged gzip file ({reason}); fetch it again") from None
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}") from None
        if not data.strip():
            raise DataError(f"{self.path} is empty; fetch it again, or delete it if nothing was sent")
        return data

    def line(self, number: int) -> bytes:
        """One line of it, from 1, as it was sent."""
        return self.read().split(b"\n")[number - 1].strip(b"\r")


def files_of(name: str, source: SourceSpec, dataset: str, spec: DatasetSpec, raw: Path) -> list[RawFile]:
    """The files of one source, sorted by name. Raises DataError naming the command that supplies them."""
    try:
        found = sorted(p for p in raw.glob(source.files) if p.is_file() and _is_data(p))
    except (ValueError, NotImplementedError) as error:
        raise ParamsError(f"datasets.{dataset}.sources.{name}.files: {source.files!r}: {error}") from None
    if found:
        return [RawFile(p, p.relative_to(raw).as_posix()) for p in found]
    commands = [f"`fleetloop data add {dataset} PATH`"]
    if spec.simulate is not None:
        commands.insert(0, f"`fleetloop data simulate {dataset}`")
    raise DataError(
        f"{raw / source.files}: no such file (source {name!r} of {dataset}); supply it with " + " or ".join(commands)
    )


def _is_data(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith(NOT_DATA)
