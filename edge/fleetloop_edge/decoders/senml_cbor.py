"""SenML packs in CBOR (RFC 8428, section 6): the same packs, with numbers for labels."""

from __future__ import annotations

import io
from typing import Any

from fleetloop_edge.decoders import senml
from fleetloop_edge.decoders.cell import shown
from fleetloop_edge.decoders.context import Context, optional_library
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.readings import Reading

LABELS = {-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb",
          5: "s", 6: "t", 7: "ut", 8: "vd"}  # fmt: skip
"""RFC 8428, table 6."""


def decode(payload: bytes, source: SourceMap, received: float | None, context: Context) -> list[Reading]:
    """The readings of a SenML pack in CBOR; all of it is refused where one record of it is. Raises DecodeError."""
    document = parse(payload)
    if not isinstance(document, list):
        raise DecodeError("not_senml", f"a SenML pack is a list of records, got {shown(document)!r}")
    return senml.read_pack([_labelled(record) for record in document], source, received, context)


def parse(payload: bytes) -> Any:
    """One CBOR item, and nothing after it. Raises DecodeError (not_cbor)."""
    cbor2 = optional_library("cbor2")
    stream = io.BytesIO(payload)
    try:
        document = cbor2.load(stream)
    except Exception as error:  # cbor2 raises errors of many families, those of a tag's own decoder among them
        reason = " ".join(str(error).split())[:120]
        raise DecodeError("not_cbor", f"not CBOR: {reason or type(error).__name__}") from None
    if stream.tell() != len(payload):
        raise DecodeError("not_cbor", f"{len(payload) - stream.tell()} bytes follow the pack")
    return document


def _labelled(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return {_label(label): _plain(value) for label, value in record.items()}


def _label(label: Any) -> str:
    if isinstance(label, str):
        return label
    known = LABELS.get(label) if isinstance(label, int) and not isinstance(label, bool) else None
    return shown(label) if known is None else known


def _plain(value: Any) -> Any:
    """CBOR has decimal fractions, big floats and dates where JSON has numbers."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return shown(value)
