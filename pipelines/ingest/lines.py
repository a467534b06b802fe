"""One payload a line (or a file, where it is binary), decoded by the very functions that run on the device."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fleetloop_edge.check import check
from fleetloop_edge.decoders import BINARY, Context, decode
from fleetloop_edge.decoders.cell import absent
from fleetloop_edge.decoders.json_record import objects
from fleetloop_edge.decoders.record import lookup, read_time, told
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.rows import build_rows
from fleetloop_edge.spec import Channel
from pipelines.ingest.batch import ABOUT, UNSAID, Batch, Quarantined, rows_of
from pipelines.ingest.schema import microseconds
from pipelines.ingest.text import LONGEST, RAW_KEPT, Lines
from pipelines.params import Envelope


@dataclass(frozen=True)
class Message:
    """One payload of a file. number: its line, from 1; raw: as it stands there; fields: what is around it."""

    number: int
    raw: bytes
    payload: bytes | DecodeError
    fields: Mapping[str, Any]


def decode_lines(
    data: bytes,
    file: str,
    source: SourceMap,
    channels: dict[str, Channel],
    given: Mapping[str, str] | None = None,
    envelope: Envelope | None = None,
) -> Batch:
    """Every payload of `data` through decode, check and build_rows. given: fields that stand for the whole file."""
    return decode_messages(messages(data, source, given or {}, envelope), file, source, channels)


def decode_messages(found: Iterator[Message], file: str, source: SourceMap, channels: dict[str, Channel]) -> Batch:
    """The rows of messages; all are of one connection, in its order."""
    names = tuple(channels)
    keys: list[tuple[str, float, float, int]] = []
    values: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
    about: dict[str, list[str | None]] = {name: [] for name in ABOUT}
    quarantined: list[Quarantined] = []
    uploaded: list[int] = []
    totals: dict[str, list[float]] = {name: [] for name, mapped in source.channels.items() if mapped.counter}
    context, records = Context(), 0
    for message in found:
        records += 1
        number, raw = message.number, message.raw
        try:
            if isinstance(message.payload, DecodeError):
                raise message.payload
            decoded = decode(message.payload, source, context=context.about(message.fields))
            readings, rejected = check(decoded, source, channels)
            got = _uploaded(message, source)
        except DecodeError as error:
            quarantined.append(Quarantined(number, None, error.rule, error.reason, raw))
            continue
        quarantined += [Quarantined(number, r.channel, r.rule, r.reason, raw) for r in rejected]
        if not readings:
            quarantined.append(Quarantined(number, None, "no_channel", "no value of a mapped channel", raw))
        said = {(r.device, r.time): (r.site, r.vendor, r.firmware) for r in readings}
        shown = {(r.device, r.time, r.channel): r.value for r in readings if r.channel in totals and r.value == r.value}
        for row in build_rows(readings, names):
            for name, column in totals.items():
                column.append(shown.get((row.device, row.time, name), np.nan))
            keys.append((row.device, row.time, row.received, number))
            uploaded.append(got)
            values.append(row.values)
            for name, word in zip(ABOUT, said[row.device, row.time], strict=True):
                about[name].append(word)
    device, time, received, record = zip(*keys, strict=True) if keys else ((), (), (), ())
    stacked = np.stack(values) if values else np.empty((0, len(names)), dtype=np.float32)
    rows = rows_of(device, time, received, stacked, dict(about), record, names)
    if source.uploaded is not None:
        rows = replace(rows, uploaded=np.asarray(uploaded, dtype=np.int64))
    if totals:
        rows = replace(rows, totals={name: np.asarray(column) for name, column in totals.items()})
    return Batch(source.name, file, records, rows, quarantined)


def _uploaded(message: Message, source: SourceMap) -> int:
    """When the cloud got a message, microseconds: as what is around it says, or its own JSON; else UNSAID.

    Raises DecodeError (bad_uploaded).
    """
    spec = source.uploaded
    if spec is None or isinstance(message.payload, DecodeError):
        return UNSAID
    fields = dict(message.fields)
    if source.decoder not in BINARY:
        for found in reversed(objects(message.payload)):
            fields |= found
    said = told(fields, spec.field)
    return UNSAID if absent(said) else int(microseconds(read_time(fields, spec, "uploaded")))


def messages(data: bytes, source: SourceMap, given: Mapping[str, str], envelope: Envelope | None) -> Iterator[Message]:
    """The payloads of a file: its lines, what the envelope on each line holds, or all of it where it is binary."""
    if envelope is None and source.decoder in BINARY:
        yield Message(1, data[:RAW_KEPT], data, {**given, "row": 1})
        return
    yield from _of_lines(numbered(data), given, envelope)


def some_messages(lines: Lines, places: Iterable[int], given: Mapping[str, str], before: int = 0) -> Iterator[Message]:
    """The payloads of some lines, each with its place among all. before: lines of the file that come before these."""
    for place in places:
        found = [(int(lines.number[place]), lines.bytes_of(place).strip())]
        yield from _of_lines(found, given, None, before + place + 1)


def _of_lines(
    found: Iterable[tuple[int, bytes]], given: Mapping[str, str], envelope: Envelope | None, first: int = 1
) -> Iterator[Message]:
    for place, (number, line) in enumerate(found, start=first):
        fields = {**given, "row": place}
        if len(line) > LONGEST:
            reason = f"the line has {len(line):,} bytes, more than {LONGEST:,}; its first are kept"
            yield Message(number, line[:RAW_KEPT], DecodeError("line_too_long", reason), fields)
        elif envelope is None:
            yield Message(number, line, line, fields)
        else:
            yield _opened(number, line, fields, envelope)


def _opened(number: int, line: bytes, fields: dict[str, Any], envelope: Envelope) -> Message:
    try:
        (around,) = objects(line)
        payload = _bytes(lookup(around, envelope.payload), envelope)
    except DecodeError as error:
        return Message(number, line, error, fields)
    except ValueError:
        return Message(number, line, DecodeError("not_an_object", "expected one object around the payload"), fields)
    return Message(number, line, payload, fields | around)


def _bytes(text: Any, envelope: Envelope) -> bytes:
    """Raises DecodeError (no_payload)."""
    try:
        if isinstance(text, str):
            if envelope.encoding == "text":
                return text.encode()
            return bytes.fromhex(text) if envelope.encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        pass
    raise DecodeError("no_payload", f"the field {envelope.payload!r} holds no payload in {envelope.encoding}")


def numbered(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Line numbers from 1 and lines; blank lines are no records."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        stripped = line.strip()
        if stripped:
            yield number, stripped
