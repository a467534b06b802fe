"""Packed files (gzip, zstd) → bytes, a bounded number of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from pipelines.errors import DataError

PACKED = (".gz", ".zst")
"""Endings that say how a file is packed, not what is in it."""

MOST = 4 << 30
"""Bytes that one file may unpack to where it must be held whole."""

STEADY = 100
"""Times that a file may grow which unpacks to more than that, piece by piece."""

RATIO = 2_000
"""Times that a file larger than FREE may grow."""

FREE = 256 << 20
"""Bytes that any file may unpack to, whatever its ratio."""

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_CHUNK = 4 << 20


def unpacked(path: Path) -> bytes:
    """A file's bytes; how it is packed is read off its first ones. Raises DataError where it is damaged or a bomb."""
    return b"".join(stream(path, MOST))


def stream(path: Path, most: int | None = None) -> Iterator[bytes]:
    """The same, a few megabytes at a time. most: bytes that a packed file may unpack to; None: by its ratio alone."""
    size = path.stat().st_size
    largest = max(FREE, RATIO * size)
    largest = min(largest, max(MOST, STEADY * size) if most is None else most)
    total = 0
    with path.open("rb") as raw:
        kind = _kind(raw.read(4))
        raw.seek(0)
        try:
            for piece in _PIECES[kind](raw):
                total += len(piece)
                if kind and total > largest:
                    raise OverflowError
                yield piece
        except (zlib.error, EOFError, OSError) as error:
            if kind is None:
                raise
            reason = " ".join(str(error).split())
            raise DataError(f"{path} is a truncated or damaged {kind} file ({reason}); fetch it again") from None
        except OverflowError:
            raise DataError(
                f"{path} unpacks to more than {largest >> 20:,} MB; if it is no bomb, split it into smaller files"
            ) from None


def _kind(packed: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC.items() if packed.startswith(magic)), None)


def beginning(path: Path, size: int) -> bytes:
    """A file's first bytes, unpacked, up to the end of a line where there is one; all of it where it is smaller."""
    with path.open("rb") as raw:
        packed = raw.read(4)
        raw.seek(0)
        kind = _kind(packed)
        try:
            if kind == "gzip":
                data = _first_of_gzip(raw, size)
            elif kind == "zstd":
                with pa.CompressedInputStream(raw, "zstd") as stream:
                    data = stream.read(size)
            else:
                data = raw.read(size)
        except (zlib.error, EOFError, OSError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path} is a truncated or damaged {kind} file ({reason}); fetch it again") from None
    return data[: data.rfind(b"\n") + 1] if len(data) == size and b"\n" in data else data


def _first_of_gzip(raw: BinaryIO, size: int) -> bytes:
    """The first bytes of all members. Raises EOFError where the file ends within one."""
    found, packed = b"", raw.read(size)
    whole = not raw.read(1)
    while packed.strip(b"\0") and len(found) < size:
        inflate = zlib.decompressobj(wbits=31)
        found += inflate.decompress(packed, size - len(found))
        if whole and not inflate.eof and not inflate.unconsumed_tail and len(found) < size:
            raise EOFError("it ends early")
        packed = inflate.unused_data
    return found


def _plain(raw: BinaryIO) -> Iterator[bytes]:
    while piece := raw.read(_CHUNK):
        yield piece


def _inflated(raw: BinaryIO) -> Iterator[bytes]:
    """All members of a gzip file; zeros after them are padding."""
    inflate, data, begun = zlib.decompressobj(wbits=31), b"", False
    while True:
        data = data or raw.read(_CHUNK)
        if not data and begun:
            raise EOFError("it ends early")
        if not data:
            return
        data = data if begun else data.lstrip(b"\0")
        if not data:
            continue
        begun = True
        if piece := inflate.decompress(data, _CHUNK):
            yield piece
        data = inflate.unconsumed_tail
        if inflate.eof:
            inflate, data, begun = zlib.decompressobj(wbits=31), inflate.unused_data, False


def _zstd(raw: BinaryIO) -> Iterator[bytes]:
    with pa.CompressedInputStream(raw, "zstd") as packed:
        while piece := packed.read(_CHUNK):
            yield piece


_PIECES: dict[str | None, Callable[[BinaryIO], Iterator[bytes]]] = {None: _plain, "gzip": _inflated, "zstd": _zstd}
