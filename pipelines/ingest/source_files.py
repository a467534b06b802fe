"""A source's raw files: which, in which order, and their bytes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import DataError, ParamsError
from pipelines.ingest.parquet_row import raw_row
from pipelines.ingest.unpack import PACKED, beginning, stream, unpacked
from pipelines.params import DatasetSpec, SourceSpec

NOT_DATA = (".dvc", ".tmp", ".md", ".gitignore")
"""Endings of what lies beside raw files but is none."""


PIECE = 1 << 20
"""Bytes of a file that are decoded at a time, where its lines can be decoded apart: what becomes of them stays near."""


@dataclass(frozen=True)
class RawFile:
    """One raw file. `name` is its path below data/raw/<dataset>, with "/"."""

    path: Path
    name: str
    most: int | None = None  # bytes to read of it: its beginning; None: all

    @property
    def given(self) -> dict[str, str]:
        """What "{file}" and "{folder}" stand for in a template: its name without endings, and where it lies."""
        folder, _, last = _plain(self.name).rpartition("/")
        stem, _, ending = last.rpartition(".")
        return {"file": stem if stem and not ending[:1].isdigit() else last, "folder": folder}

    @property
    def suffix(self) -> str:
        """The endings of its name, that of a packed file among them: ".csv.gz"."""
        plain = _plain(self.name)
        last = plain.rpartition("/")[2]
        stem, dot, ending = last.rpartition(".")
        own = dot + ending if stem and not ending[:1].isdigit() else ""
        return own + self.name[len(plain) :]

    def beside(self, name: str) -> RawFile:
        """Another raw file of the dataset."""
        return RawFile(self.path.parents[self.name.count("/")] / name, name)

    def others(self, pattern: str) -> list[RawFile]:
        """Other raw files of the dataset, by a pattern."""
        raw = self.path.parents[self.name.count("/")]
        found = sorted(p for p in raw.glob(pattern) if p.is_file() and _is_data(p))
        return _no_twins([RawFile(p, p.relative_to(raw).as_posix()) for p in found])

    def read(self) -> bytes:
        """Its bytes, unpacked. Raises DataError when it is empty, ends early, or is a bomb."""
        try:
            data = unpacked(self.path) if self.most is None else beginning(self.path, self.most)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}") from None
        if not _says_something(data):
            raise self._empty()
        return data

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, unpacked, some whole lines at a time. Raises DataError as `read`."""
        if self.most is not None:
            yield self.read()
            return
        said, blank = False, b""
        try:
            for piece in _whole_lines(stream(self.path)):
                said = said or _says_something(piece)
                if said:
                    yield blank + piece
                blank = b"" if said else blank + piece
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}") from None
        if not said:
            raise self._empty()

    def _empty(self) -> DataError:
        return DataError(f"{self.path} is empty; fetch it again, or delete it if nothing was sent")

    def lines(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Some lines of it (or rows, where it is Parquet), from 1, as they were sent."""
        if self.path.name.endswith(".parquet"):
            return {number: raw_row(self.path, number) for number in numbers}
        wanted, found, first = sorted(numbers), {}, 1
        for piece in self.pieces():
            last = first + piece.count(b"\n")  # of a piece that ends a line: empty, and the next one's first
            own = wanted[bisect_left(wanted, first) : bisect_right(wanted, last)]
            every = piece.split(b"\n") if own else []
            found.update({number: every[number - first].strip(b"\r") for number in own})
            first = last
        return found


def _says_something(data: bytes) -> bool:
    return bool(data[:4096].strip() or data.strip())


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Bytes in pieces that end where a line does."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        cut = piece.rfind(b"\n") + 1 if size >= PIECE else 0
        if cut:
            held[-1] = piece[:cut]
            yield b"".join(held)
            held, size = [piece[cut:]], len(piece) - cut
    if size:
        yield b"".join(held)


def files_of(name: str, source: SourceSpec, dataset: str, spec: DatasetSpec, raw: Path) -> list[RawFile]:
    """The files of one source, sorted by name. Raises DataError naming the command that supplies them."""
    try:
        found = sorted({p for glob in source.globs() for p in raw.glob(glob) if p.is_file() and _is_data(p)})
    except (ValueError, NotImplementedError) as error:
        raise ParamsError(f"datasets.{dataset}.sources.{name}.files: {source.files!r}: {error}") from None
    lost = next((p for glob in source.globs() for p in raw.glob(glob) if p.is_symlink() and not p.exists()), None)
    if lost is not None:
        raise DataError(f"{lost} is a link that leads nowhere; mend it, or take it away")
    if found:
        return _no_twins([RawFile(p, p.relative_to(raw).as_posix()) for p in found])
    commands = [f"`fleetloop data add {dataset} PATH`"]
    if spec.simulate is not None:
        commands.insert(0, f"`fleetloop data simulate {dataset}`")
    raise DataError(
        f"{raw / source.files}: no such file (source {name!r} of {dataset}); supply it with " + " or ".join(commands)
    )


def raw_files_below(folder: Path) -> list[RawFile]:
    """Every raw file below a folder, sorted by name."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and _is_data(p))
    return [RawFile(p, p.relative_to(folder).as_posix()) for p in found]


def _is_data(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith(NOT_DATA)


def _no_twins(files: list[RawFile]) -> list[RawFile]:
    """A file and its packed form would count every record twice."""
    known: dict[str, RawFile] = {}
    for file in files:
        twin = known.setdefault(_plain(file.name), file)
        if twin is not file:
            raise DataError(f"{twin.path} and {file.path} both stand for the same data; keep one of them")
    return files


def _plain(name: str) -> str:
    """The name without the ending of a packed file."""
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)
