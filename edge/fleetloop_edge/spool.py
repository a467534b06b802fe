"""What waits for the uplink, on disk: decisions and heartbeats as JSON lines, within a bound of bytes.

A heartbeat may be lost, a decision may not: where there is no room the oldest heartbeats go first, and a decision for
which there still is none raises SpoolFull. A line is whole or absent: a torn one, of a power cut, is cut off at
the next start.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleetloop_edge.decide import Decision
from fleetloop_edge.errors import SpoolFull
from fleetloop_edge.spec import canonical_json

_SPARE = 4  # where heartbeats must go, a quarter of their bytes goes at once: a rewrite for each would be slow


class Spool:
    """A folder with decisions.jsonl and heartbeats.jsonl, together at most `limit` bytes.

    dropped: heartbeats that had to go since the spool was opened.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Open or make the spool. Raises OSError where the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self.limit = limit
        self.dropped = 0
        self._decisions = _Lines(folder / "decisions.jsonl")
        self._heartbeats = _Lines(folder / "heartbeats.jsonl")

    @property
    def bytes(self) -> int:
        """Bytes on disk."""
        return self._decisions.bytes + self._heartbeats.bytes

    @property
    def queue(self) -> int:
        """Records that wait."""
        return self._decisions.count + self._heartbeats.count

    def put_decision(self, decision: Decision) -> None:
        """Keep a decision; it is on disk when this returns.

        Raises SpoolFull where there is no room even without a single heartbeat; the spool is as it was, less the
        heartbeats.
        """
        line = _line(asdict(decision))
        self._make_room(len(line))
        while not self._decisions.append(line):
            if not self._drop(len(line)):
                raise SpoolFull(f"no room on the disk for a decision; {self._decisions.count} wait for the uplink")

    def put_heartbeat(self, heartbeat: Mapping[str, Any]) -> None:
        """Keep a heartbeat, in the place of older ones if need be. Where only decisions remain it is dropped."""
        line = _line(heartbeat)
        room = self.limit - self._decisions.bytes
        if len(line) <= room:
            if self.bytes + len(line) > self.limit:
                self._drop(self.bytes + len(line) - self.limit)
            if self._heartbeats.append(line):
                return
        self.dropped += 1

    def decisions(self, most: int) -> list[dict[str, Any]]:
        """The oldest waiting decisions, at most `most`; a score that is no number is null."""
        return self._decisions.head(most)

    def heartbeats(self, most: int) -> list[dict[str, Any]]:
        """The oldest waiting heartbeats, at most `most`."""
        return self._heartbeats.head(most)

    def delivered(self, decisions: int = 0, heartbeats: int = 0) -> None:
        """Forget as many of the oldest: the cloud has them."""
        self._decisions.forget(decisions)
        self._heartbeats.forget(heartbeats)

    def _make_room(self, wanted: int) -> None:
        over = self.bytes + wanted - self.limit
        if over > 0:
            self._drop(over)
        if self.bytes + wanted > self.limit:
            raise SpoolFull(
                f"the spool holds {self.bytes} of {self.limit} bytes, all decisions ({self._decisions.count}); "
                f"none is dropped: bring the device online or raise the limit"
            )

    def _drop(self, wanted: int) -> bool:
        """Let the oldest heartbeats go, at least `wanted` bytes of them; False where there are none."""
        gone = self._heartbeats.forget_bytes(max(wanted, self._heartbeats.bytes // _SPARE))
        self.dropped += gone
        return gone > 0


class _Lines:
    """An append-only file of lines, of which the oldest may be forgotten."""

    def __init__(self, path: Path) -> None:
        self._path = path
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        self._sizes = [len(line) + 1 for line in whole.split(b"\n")[:-1]]
        self.bytes = len(whole)
        if len(whole) != len(data):
            self._replace(whole)

    @property
    def count(self) -> int:
        return len(self._sizes)

    def append(self, line: bytes) -> bool:
        """False where the disk has no room; the file is as it was."""
        with self._path.open("ab", buffering=0) as file:
            try:
                written = file.write(line)
                os.fsync(file.fileno())
            except OSError:
                written = -1
            if written != len(line):
                file.truncate(self.bytes)
                return False
        self._sizes.append(len(line))
        self.bytes += len(line)
        return True

    def head(self, most: int) -> list[dict[str, Any]]:
        if not self._sizes:
            return []
        with self._path.open("rb") as file:
            data = file.read(sum(self._sizes[:most]))
        return [json.loads(line) for line in data.split(b"\n")[:-1]]

    def forget(self, count: int) -> None:
        if count > 0 and self._sizes:
            gone = sum(self._sizes[:count])
            self._replace(self._path.read_bytes()[gone:])
            self._sizes = self._sizes[count:]
            self.bytes -= gone

    def forget_bytes(self, wanted: int) -> int:
        """Forget the oldest lines that make up `wanted` bytes; how many they were."""
        gone, count = 0, 0
        while gone < wanted and count < len(self._sizes):
            gone += self._sizes[count]
            count += 1
        self.forget(count)
        return count

    def _replace(self, data: bytes) -> None:
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


def _line(record: Mapping[str, Any]) -> bytes:
    plain = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in record.items()}
    return canonical_json(plain) + b"\n"
