"""A text file as lines: where each begins and ends, found at memory speed, without copying any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ParamsError
from pipelines.ingest.batch import Quarantined

Ints = NDArray[np.int64]

LONGEST = 16 << 20
"""Bytes of the longest line that is read; a longer one is set aside whole."""

RAW_KEPT = 1 << 20
"""Bytes of a record that the quarantine keeps."""

_BOM = b"\xef\xbb\xbf"
_RETURN, _SPACE = 13, 32


@dataclass
class Lines:
    """Some lines of a file, in its order. number: from 1, in the file. start, end: their place in `data` (UTF-8)."""

    data: bytes
    encoding: str
    number: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.number)

    def bytes_of(self, place: int) -> bytes:
        """One line's bytes, in UTF-8."""
        return self.data[self.start[place] : self.end[place]]

    def text(self, place: int) -> str:
        """One line; bytes that are no text stay, marked."""
        return self.bytes_of(place).decode("utf-8", "surrogateescape")

    def raw(self, place: int) -> bytes:
        """One line as it stands in the file; its beginning where it is very long."""
        found = self.data[self.start[place] : min(self.end[place], self.start[place] + RAW_KEPT)]
        if self.encoding == "utf-8":
            return found
        return found.decode("utf-8", "surrogateescape").encode(self.encoding, "surrogateescape")

    def pick(self, places: Ints | NDArray[np.bool_] | slice) -> Lines:
        """Some of the lines."""
        return Lines(self.data, self.encoding, self.number[places], self.start[places], self.end[places])

    def joined(self) -> bytes:
        """These lines alone, one after the other; without a copy where nothing lies between them."""
        if not len(self):
            return b""
        if int(self.number[-1] - self.number[0]) == len(self) - 1:
            return self.data[int(self.start[0]) : int(self.end[-1])]
        view = memoryview(self.data)
        return b"\n".join([view[a:b] for a, b in zip(self.start.tolist(), self.end.tolist(), strict=True)])


def lines_by_piece(pieces: Iterable[bytes], encoding: str = "utf-8") -> Iterator[Lines]:
    """All lines of a file that comes in pieces of whole lines. Raises ParamsError as `lines_of`."""
    first = 1
    for data in pieces:
        lines = lines_of(data, encoding, first)
        first += len(lines)
        yield lines


def ends_lines(encoding: str) -> bool:
    """Whether the byte of a newline ends a line and is nothing else. Raises ParamsError as `lines_of`."""
    return _encoded("\n0", encoding) == b"\n0"


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except LookupError:
        raise _no_encoding(encoding) from None


def lines_of(data: bytes, encoding: str = "utf-8", first: int = 1) -> Lines:
    """All lines of a file, or of a piece of it. first: number of its first line. Raises ParamsError for an encoding
    that does not exist."""
    data = _in_utf8(data, encoding)
    if first == 1:
        data = data.removeprefix(_BOM)
    if first == 1 and b"\n" not in data and b"\r" in data:  # the old Macintosh's line ends
        data = data.replace(b"\r", b"\n")
    codes = np.frombuffer(data, dtype=np.uint8)
    ends = _newlines(data)
    if not len(ends) or ends[-1] != len(codes) - 1:
        ends = np.append(ends, len(codes))
    starts = np.concatenate([[0], ends[:-1] + 1])
    returned = (ends > starts) & (codes[np.maximum(ends - 1, 0)] == _RETURN) if len(codes) else np.zeros(1, bool)
    return Lines(data, encoding, np.arange(first, first + len(ends)), starts, ends - returned)


def _newlines(data: bytes) -> Ints:
    from pipelines.ingest import kernels  # numba: only where it computes

    words = np.frombuffer(data, dtype="<u8", count=len(data) // 8)
    found: Ints = kernels.newlines(words, np.frombuffer(data, dtype=np.uint8, offset=8 * len(words)))
    return found


def _in_utf8(data: bytes, encoding: str) -> bytes:
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        return data
    try:
        return data.decode(encoding, "surrogateescape").encode("utf-8", "surrogateescape")
    except LookupError:
        raise _no_encoding(encoding) from None
    except UnicodeError as error:
        raise ParamsError(f"table.encoding: the file is not in {encoding!r} ({error})") from None


def _no_encoding(encoding: str) -> ParamsError:
    return ParamsError(f"table.encoding: {encoding!r} is no encoding, such as utf-8 or latin-1")


def without_blank(lines: Lines) -> Lines:
    """The lines that hold more than blanks."""
    codes = np.frombuffer(lines.data, dtype=np.uint8)
    lines = lines.pick(lines.end > lines.start)
    if not len(lines):
        return lines
    odd = np.flatnonzero(codes[lines.start] <= _SPACE)  # few: most lines begin with what they hold
    blank = [place for place in odd.tolist() if not lines.bytes_of(place).strip()]
    return lines.pick(np.setdiff1d(np.arange(len(lines)), blank, assume_unique=True)) if blank else lines


def across_lines(lines: Lines, quote: str) -> Lines:
    """Lines joined where one ends inside of quotes; each has the number of its first. A quote that is never closed
    reaches to the end."""
    if not len(lines):
        return lines
    codes = np.frombuffer(lines.data, dtype=np.uint8)
    said = np.concatenate([[0], np.cumsum(codes == ord(quote), dtype=np.int64)])
    first = np.flatnonzero((said[lines.start] - said[lines.start[0]]) % 2 == 0)
    last = np.append(first[1:], len(lines)) - 1
    return Lines(lines.data, lines.encoding, lines.number[first], lines.start[first], lines.end[last])


def without_comments(lines: Lines, mark: str) -> Lines:
    """The lines that do not begin with the mark."""
    if not mark:
        return lines
    code = mark.encode()
    codes = np.frombuffer(lines.data + b"\0" * len(code), dtype=np.uint8)
    begins = np.ones(len(lines), dtype=bool)
    for i, byte in enumerate(code):
        begins &= codes[lines.start + i] == byte
    return lines.pick(~begins)


def split_unreadable(lines: Lines) -> tuple[Lines, list[Quarantined]]:
    """The lines that are text of a length that can be, and the others, set aside."""
    length = lines.end - lines.start
    bad = length > LONGEST
    aside = [_too_long(lines, int(place)) for place in np.flatnonzero(bad)]
    if not is_text(lines.data):
        for place in np.flatnonzero(~bad & _not_ascii(lines)).tolist():
            if not is_text(lines.bytes_of(place)):
                bad[place] = True
                reason = "the line is not text in the table's encoding"
                aside.append(Quarantined(int(lines.number[place]), None, "encoding", reason, lines.raw(place)))
    return (lines.pick(~bad) if bad.any() else lines), aside


def _too_long(lines: Lines, place: int) -> Quarantined:
    size, start = int(lines.end[place] - lines.start[place]), int(lines.start[place])
    reason = f"the line has {size:,} bytes, more than {LONGEST:,}; it begins at byte {start}, its first are kept"
    return Quarantined(int(lines.number[place]), None, "line_too_long", reason, lines.raw(place))


def _not_ascii(lines: Lines) -> NDArray[np.bool_]:
    high = np.frombuffer(lines.data, dtype=np.uint8) >= 128
    said = np.concatenate([[0], np.cumsum(high, dtype=np.int64)])
    found: NDArray[np.bool_] = said[lines.end] > said[lines.start]
    return found


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
