"""Formats with a shape of their own: SenML in CBOR, Sparkplug B, AWS IoT SiteWise, Azure IoT."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleetloop_edge.check import check
from fleetloop_edge.decoders import Context, decode
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import Derived, FieldMap, LongMap, SourceMap, TimeMap
from fleetloop_edge.readings import Reading
from tests.builders.payloads import T, azure_message, senml, senml_cbor, sitewise_update, sparkplug
from tests.builders.raw import CHANNELS, source_map

NORTH = "spBv1.0/north/{}/gateway-1/pump-17"
PLUG = source_map("sparkplug_b", device="{device}", site="{group}", time=TimeMap("timestamp", "epoch_ms"))


def said(readings: list[Reading]) -> list[tuple[Any, ...]]:
    return [(r.device, r.time, r.channel, r.value) for r in readings]


def topic(kind: str, context: Context) -> Context:
    return context.about({"topic": NORTH.format(kind)})


def rule(payload: bytes, source: SourceMap, context: Context | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(payload, source, context=context)
    return caught.value.rule


def test_senml_says_the_same_in_cbor_and_in_json() -> None:
    text = decode(json.dumps(senml()).encode(), source_map("senml", firmware="{fw}"))
    assert decode(senml_cbor(), source_map("senml_cbor", firmware="{fw}")) == text
    assert said(text) == [("pump-17", T, "pressure", 640000), ("pump-17", T, "flow", 31.2)]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [(b"", "not_cbor"), (senml_cbor()[:-3], "not_cbor"), (senml_cbor() + b"\0", "not_cbor"), (b"\x01", "not_senml"),
     (b"\x81" * 5000, "not_cbor"), (b"\x9b" + b"\xff" * 8, "not_cbor"), (b"\x81\xa1\x00\x01", "not_senml")],
)  # fmt: skip
def test_bytes_that_are_no_pack_say_so(payload: bytes, expected: str) -> None:
    assert rule(payload, source_map("senml_cbor")) == expected


def test_a_birth_gives_aliases_their_names_and_data_use_them() -> None:
    context = Context()
    born = sparkplug({"name": "pressure", "alias": 7, "datatype": 10, "double_value": 1.0})
    decode(born, PLUG, context=topic("DBIRTH", context))
    told = decode(
        sparkplug({"alias": 7, "datatype": 10, "double_value": 640000}), PLUG, context=topic("DDATA", context)
    )
    assert said(told) == [("pump-17", T, "pressure", 640000)] and told[0].site == "north"


def test_an_alias_that_was_never_born_or_was_forgotten_is_set_aside() -> None:
    context, data = Context(), sparkplug({"alias": 7, "double_value": 1.0})
    assert rule(data, PLUG, topic("DDATA", context)) == "no_birth"
    decode(sparkplug({"name": "flow", "alias": 7, "double_value": 1.0}), PLUG, context=topic("DBIRTH", context))
    decode(sparkplug({"name": "flow", "alias": 8, "double_value": 1.0}), PLUG, context=topic("NBIRTH", context))
    assert rule(data, PLUG, topic("DDATA", context)) == "no_birth"


def test_sparkplug_values_nulls_signs_qualities_and_times() -> None:
    metrics = sparkplug(
        {"name": "pressure", "datatype": 3, "int_value": 2**32 - 5},
        {"name": "flow", "is_null": True, "timestamp": (T + 1) * 1000},
        {"name": "flow", "double_value": 2.0, "quality": 0, "timestamp": (T + 2) * 1000},
        {"name": "fw", "string_value": "2.1"},
    )
    source = source_map("sparkplug_b", time=PLUG.time, firmware="{fw}")
    pressure, null, bad = decode(metrics, source, context=topic("DDATA", Context()))
    assert (pressure.value, pressure.firmware, pressure.time) == (-5.0, "2.1", T)
    assert null.value != null.value and null.time == T + 1
    assert [r.rule for r in check([bad], source, CHANNELS)[1]] == ["bad_quality"]


@pytest.mark.parametrize(
    ("payload", "where", "expected"),
    [(b"\xff\xff", NORTH.format("DDATA"), "not_sparkplug"), (b"", "plant/pump", "not_sparkplug"),
     (b"", None, "not_sparkplug"), (b"", NORTH.format("NDEATH"), "no_channel"),
     (b"", NORTH.format("DDATA"), "no_channel")],
)  # fmt: skip
def test_a_message_that_holds_no_metrics_says_why(payload: bytes, where: str | None, expected: str) -> None:
    assert rule(payload, PLUG, Context({"topic": where})) == expected


SITEWISE = source_map(
    "aws_sitewise",
    device="{pump}",
    time=TimeMap("timestamp", "epoch_s"),
    long=LongMap("signal", "value"),
    fields={"pump": Derived("{propertyAlias}", "/([^/]+)/[^/]+$"), "signal": Derived("{propertyAlias}", "[^/]+$")},
    channels={"pressure": FieldMap("pressure", 1e-5, quality="quality", good=("GOOD",))},
)


def test_sitewise_notifications_and_batches_become_readings() -> None:
    update = sitewise_update()
    inner = update["payload"]
    entry = {"entryId": "1", "propertyAlias": inner["propertyAlias"], "propertyValues": inner["values"]}
    for document in (update, {"entries": [entry]}):
        assert said(decode(json.dumps(document).encode(), SITEWISE)) == [("pump-17", T + 0.5, "pressure", 640000)]


def test_sitewise_qualities_nulls_and_foreign_shapes() -> None:
    bad = decode(json.dumps(sitewise_update(quality="BAD")).encode(), SITEWISE)
    assert [r.rule for r in check(bad, SITEWISE, CHANNELS)[1]] == ["bad_quality"]
    null = sitewise_update()
    null["payload"]["values"][0]["value"] = {"nullValue": {"valueType": "D"}}
    assert decode(json.dumps(null).encode(), SITEWISE)[0].value != 0
    for foreign in ({}, {"payload": 7}, {"entries": []}, {"payload": {"values": [{}]}}):
        assert rule(json.dumps(foreign).encode(), SITEWISE) == "not_sitewise"
    assert rule(json.dumps(sitewise_update(alias="/north/pump-17/level")).encode(), SITEWISE) == "unknown_channel"


AZURE = source_map("azure_iot", device="{deviceId}", site="{properties.plant}", received=TimeMap("enqueuedTime", "iso"))


def test_azure_messages_bare_encoded_and_from_iot_central() -> None:
    central = {"deviceId": "pump-17", "enqueuedTime": "2023-11-14T22:13:29.123Z", "telemetry": {"flow": 31.2, "t": T}}
    plain = decode(json.dumps(azure_message()).encode(), AZURE)
    assert decode(json.dumps(azure_message(encoded=True)).encode(), AZURE) == plain
    assert said(plain) == [("pump-17", T, "pressure", 640000), ("pump-17", T, "flow", 31.2)]
    assert (plain[0].site, round(plain[0].received - T, 3)) == ("north", 9.123)
    assert said(decode(json.dumps(central).encode(), AZURE)) == [("pump-17", T, "flow", 31.2)]


@pytest.mark.parametrize("body", [7, "no base64!", [], "e30x", [1]])
def test_an_azure_body_that_is_none_says_so(body: object) -> None:
    assert rule(json.dumps(azure_message(body)).encode(), AZURE) == "not_azure_iot"


def test_fields_are_derived_and_codes_and_clocks_corrected() -> None:
    source = source_map(
        device="{id}",
        fields={"id": Derived("{topic}", "pumps/(.+)$", {"x": "pump-x"}, "other")},
        channels={"flow": FieldMap("flow", codes={"off": 0.0}, missing=("99",))},
        clock={"pump-x": 60.0},
    )
    about = Context({"topic": "pumps/x"})
    (reading,) = decode(b'{"t":1700000060,"flow":"off"}', source, context=about)
    assert (reading.device, reading.time, reading.value) == ("pump-x", T, 0.0)
    (reading,) = decode(b'{"t":1700000060,"flow":99.0}', source, context=Context({"topic": "pumps/y"}))
    assert reading.device == "other" and reading.value != reading.value
    assert rule(b'{"t":1,"flow":1}', source, Context({"topic": "tanks/y"})) == "no_device"
