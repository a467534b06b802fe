"""Whatever the bytes, a decoder gives readings or one DecodeError."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop_edge.check import check
from fleetloop_edge.decoders import DECODERS, Context, decode
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import Derived, LongMap, SourceMap, TimeMap
from fleetloop_edge.rows import build_rows
from tests.builders.mutate import mutated
from tests.builders.payloads import T, azure_message, senml, senml_cbor, sitewise_update, sparkplug
from tests.builders.raw import CHANNELS, source_map

FLAT = {"device": "p", "t": T, "flow": 31.2, "pressure": "6.4e5", "fw": "2.1", "nested": {"a": [1, None]}}
ENTRY = sitewise_update()["payload"]
FLOW = {"name": "flow", "alias": 7, "datatype": 10, "double_value": 31.2}
DEEP = [b"[" * 200_000, b'{"a":' * 100_000, b"\x81" * 200_000, b"\x0a\x7f" * 50_000, b"\0" * 1000]
CORPUS: dict[str, tuple[bytes, ...]] = {
    "json": (json.dumps(FLAT).encode(), json.dumps([FLAT, FLAT]).encode()),
    "senml": (json.dumps(senml()).encode(), json.dumps(senml(bver=10, bs=1.0, ut=5)).encode()),
    "aws_sitewise": (json.dumps(sitewise_update()).encode(), json.dumps({"entries": [ENTRY]}).encode()),
    "azure_iot": (json.dumps(azure_message()).encode(), json.dumps(azure_message(encoded=True)).encode()),
    "senml_cbor": (senml_cbor(),),
    "sparkplug_b": (
        sparkplug(FLOW, {"name": "fw", "string_value": "2"}),
        sparkplug({"alias": 7, "datatype": 3, "int_value": 5, "quality": 0}, {"name": "pressure", "is_null": True}),
    ),
}  # fmt: skip
SOURCES: dict[str, SourceMap] = {
    "aws_sitewise": source_map(
        "aws_sitewise",
        device="{assetId}",
        time=TimeMap("timestamp", "epoch_s"),
        long=LongMap("signal", "value"),
        fields={"signal": Derived("{propertyAlias}", "[^/]+$")},
    ),
    "azure_iot": source_map("azure_iot", device="{deviceId}", received=TimeMap("enqueuedTime", "iso")),
    "sparkplug_b": source_map("sparkplug_b", time=TimeMap("timestamp", "epoch_ms"), firmware="{fw}"),
}


def survives(payload: bytes, decoder: str, context: Context) -> None:
    source = SOURCES.get(decoder) or source_map(decoder, firmware="{fw}")
    try:
        readings = decode(payload, source, context=context)
    except DecodeError as error:
        assert error.rule and error.reason and len(error.reason) < 600
        return
    assert readings
    for reading in readings:
        assert reading.device and 0 <= reading.time < 7.3e9 and math.isfinite(reading.received)
        assert reading.raw is None or len(reading.raw) <= 80
    kept, _ = check(readings, source, CHANNELS)
    for row in build_rows(kept, tuple(CHANNELS)):
        assert row.values.shape == (2,)


def test_every_decoder_of_the_device_has_a_corpus() -> None:
    assert set(CORPUS) == set(DECODERS)


@pytest.mark.parametrize("decoder", DECODERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_payloads(decoder: str, data: st.DataObject) -> None:
    context = Context({"topic": "spBv1.0/g/DDATA/n/d"})
    for payload in data.draw(st.lists(mutated(CORPUS[decoder]), min_size=1, max_size=3)):
        survives(payload, decoder, context)


@pytest.mark.parametrize("decoder", DECODERS)
@given(payload=st.binary(max_size=200))
def test_any_bytes(decoder: str, payload: bytes) -> None:
    survives(payload, decoder, Context({"topic": "spBv1.0/g/NBIRTH/n"}))


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    "payload", [b"[" * 200_000, b'{"a":' * 100_000, b"\x81" * 200_000, b"\x0a\x7f" * 50_000, b"\0" * 1000]
)
def test_depth_and_repetition(decoder: str, payload: bytes) -> None:
    survives(payload, decoder, Context({"topic": "spBv1.0/g/DBIRTH/n/d"}))
