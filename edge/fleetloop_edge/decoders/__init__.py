"""Payload bytes → readings, for every format that the device itself reads. A vendor is one decoder or one mapping."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from fleetloop_edge.decoders.context import Context
from fleetloop_edge.decoders.json_record import FORMATS
from fleetloop_edge.decoders.json_record import decode as decode_json
from fleetloop_edge.decoders.senml import decode as decode_senml
from fleetloop_edge.decoders.senml_cbor import decode as decode_senml_cbor
from fleetloop_edge.decoders.sparkplug_b import decode as decode_sparkplug_b
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.readings import Reading

Decoder = Callable[[bytes, SourceMap, float | None, Context], list[Reading]]

DECODERS: dict[str, Decoder] = {
    "senml": decode_senml,
    **dict.fromkeys(FORMATS, decode_json),
    "senml_cbor": decode_senml_cbor,
    "sparkplug_b": decode_sparkplug_b,
}

BINARY = frozenset({"senml_cbor", "sparkplug_b"})
"""Decoders of payloads that are no text."""


def decode(
    payload: bytes, source: SourceMap, received: float | None = None, context: Context | None = None
) -> list[Reading]:
    """The readings of one payload, in the vendor's words and units; NaN where a code says "not measured".

    received: the gateway's clock, in epoch seconds; it stands where the payload itself does not say. Without
    either, a reading was received `source.delay_s` after it was measured. context: what is known of the message, and
    of those before it on the same connection.
    Raises DecodeError, and nothing else, for a payload that cannot become readings.
    """
    decoder = DECODERS.get(source.decoder)
    if decoder is None:
        raise DecodeError("no_decoder", f"the device has no decoder {source.decoder!r}; it has {', '.join(DECODERS)}")
    readings = decoder(payload, source, received, context or Context())
    return [r if r.received == r.received else _arrived(r, source, received) for r in readings]  # NaN: not said


def _arrived(reading: Reading, source: SourceMap, received: float | None) -> Reading:
    return dataclasses.replace(reading, received=reading.time + source.delay_s if received is None else received)


__all__ = ["BINARY", "DECODERS", "Context", "Decoder", "decode"]
