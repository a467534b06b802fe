"""Packed files (gzip, zstd) → bytes, a bounded number of them."""

from __future__ import annotations

import zlib
from pathlib import Path

import pyarrow as pa

from pipelines.errors import DataError

PACKED = (".gz", ".zst")
"""Endings that say how a file is packed, not what is in it."""

MOST = 4 << 30
"""Bytes that one file may unpack to."""

RATIO = 2_000
"""Times that a file larger than FREE may grow."""

FREE = 256 << 20
"""Bytes that any file may unpack to, whatever its ratio."""

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_CHUNK = 4 << 20


def unpacked(path: Path) -> bytes:
    """A file's bytes; how it is packed is read off its first ones. Raises DataError where it is damaged or a bomb."""
    data = path.read_bytes()
    kind = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)
    if kind is None:
        return data
    most = min(MOST, max(FREE, RATIO * len(data)))
    try:
        return _inflated(data, most) if kind == "gzip" else _stream(data, most)
    except (zlib.error, EOFError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is a truncated or damaged {kind} file ({reason}); fetch it again") from None
    except OverflowError:
        raise DataError(
            f"{path} unpacks to more than {most >> 20:,} MB; if it is no bomb, split it into smaller files"
        ) from None


def beginning(path: Path, size: int) -> bytes:
    """A file's first bytes, unpacked, up to the end of a line where there is one; all of it where it is smaller."""
    with path.open("rb") as raw:
        packed = raw.read(4)
        raw.seek(0)
        kind = next((kind for magic, kind in _MAGIC.items() if packed.startswith(magic)), None)
        try:
            if kind == "gzip":
                data = zlib.decompressobj(wbits=31).decompress(raw.read(size), size)
            elif kind == "zstd":
                with pa.CompressedInputStream(raw, "zstd") as stream:
                    data = stream.read(size)
            else:
                data = raw.read(size)
        except (zlib.error, OSError) as error:
            raise DataError(f"{path} cannot be unpacked ({error}); fetch it again") from None
    return data[: data.rfind(b"\n") + 1] if len(data) == size and b"\n" in data else data


def _inflated(data: bytes, most: int) -> bytes:
    """All members of a gzip file."""
    parts: list[bytes] = []
    size = 0
    while data.strip(b"\0"):
        inflate = zlib.decompressobj(wbits=31)
        while not inflate.eof:
            part = inflate.decompress(data, _CHUNK)
            data = inflate.unconsumed_tail
            if not part and not data and not inflate.eof:
                raise EOFError("it ends early")
            parts.append(part)
            size += len(part)
            if size > most:
                raise OverflowError
        data = inflate.unused_data
    return b"".join(parts)


def _stream(data: bytes, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        while part := stream.read(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > most:
                raise OverflowError
    return b"".join(parts)
