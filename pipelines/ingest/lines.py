"""One record a line, decoded by the very functions that run on the device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fleetloop_edge.check import check
from fleetloop_edge.decoders import decode
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.rows import build_rows
from fleetloop_edge.spec import Channel
from pipelines.ingest.batch import ABOUT, Batch, Quarantined, rows_of


def decode_lines(data: bytes, file: str, source: SourceMap, channels: dict[str, Channel]) -> Batch:
    """Every line of `data` through decode, check and build_rows."""
    names = tuple(channels)
    found: list[tuple[str, float, float, int]] = []
    values: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
    about: dict[str, list[str | None]] = {name: [] for name in ABOUT}
    quarantined: list[Quarantined] = []
    records = 0
    for number, line in numbered(data):
        records += 1
        try:
            readings, rejected = check(decode(line, source), source, channels)
        except DecodeError as error:
            quarantined.append(Quarantined(number, None, error.rule, error.reason, line))
            continue
        quarantined += [Quarantined(number, r.channel, r.rule, r.reason, line) for r in rejected]
        if not readings:
            quarantined.append(Quarantined(number, None, "no_channel", "no value of a mapped channel", line))
        said = {(r.device, r.time): (r.site, r.vendor, r.firmware) for r in readings}
        for row in build_rows(readings, names):
            found.append((row.device, row.time, row.received, number))
            values.append(row.values)
            for name, word in zip(ABOUT, said[row.device, row.time], strict=True):
                about[name].append(word)
    device, time, received, record = zip(*found, strict=True) if found else ((), (), (), ())
    stacked = np.stack(values) if values else np.empty((0, len(names)), dtype=np.float32)
    rows = rows_of(device, time, received, stacked, dict(about), record, names)
    return Batch(source.name, file, records, rows, quarantined)


def numbered(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Line numbers from 1 and lines; blank lines are no records."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        stripped = line.strip()
        if stripped:
            yield number, stripped
