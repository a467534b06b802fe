"""Payloads become readings, or one DecodeError."""

from __future__ import annotations

import json
import math
from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetloop_edge.check import check
from fleetloop_edge.decoders import DECODERS, decode
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import FieldMap, TimeMap
from fleetloop_edge.readings import Reading
from fleetloop_edge.rows import build_rows
from tests.builders.raw import CHANNELS, source_map

NOW = 1.7e9


def values(payload: object, **changes: object) -> dict[str, float]:
    return {r.channel: r.value for r in decode(json.dumps(payload).encode(), source_map(**changes))}  # type: ignore[arg-type]


def rule(payload: bytes, decoder: str = "json") -> str:
    with pytest.raises(DecodeError) as caught:
        decode(payload, source_map(decoder))
    return caught.value.rule


def test_a_json_object_becomes_a_reading_for_each_channel_it_mentions() -> None:
    (reading,) = decode(b'{"device":"p1","t":1.7e9,"flow":31.2,"other":1}', source_map(delay_s=5.0))
    assert astuple(reading)[:5] == ("p1", NOW, NOW + 5, "flow", 31.2)


def test_missing_codes_and_null_are_not_measured() -> None:
    for missing in (-9999, -9999.0, "n/a", " n/a ", "-9999.0", None, "", "NaN"):
        assert math.isnan(values({"device": "p", "t": NOW, "flow": missing})["flow"])


def test_text_that_is_no_number_is_kept_for_the_quarantine() -> None:
    readings = decode(b'{"device":"p","t":1.7e9,"flow":"1_0","pressure":"6.4e5"}', source_map())
    kept, rejected = check(readings, source_map(), CHANNELS)
    assert [(r.rule, r.channel) for r in rejected] == [("not_a_number", "flow")]
    assert [k.value for k in kept if k.channel == "pressure"] == [6.4]


def test_a_dotted_field_reaches_into_nested_objects() -> None:
    mapping = {"flow": FieldMap("data.flow")}
    assert values({"device": "p", "t": NOW, "data": {"flow": 3}}, channels=mapping) == {"data.flow": 3.0}


def test_templates_join_fields_and_plain_words() -> None:
    source = source_map(device="{plant}-{id}", vendor="acme", site="{plant}", firmware="{fw}")
    (reading,) = decode(b'{"plant":"n","id":7,"t":1.7e9,"flow":1}', source)
    assert (reading.device, reading.vendor, reading.site, reading.firmware) == ("n-7", "acme", "n", None)


def test_the_gateways_clock_stands_where_the_payload_says_nothing() -> None:
    source = source_map(received=TimeMap("rx", "epoch_ms"))
    silent, speaking = b'{"device":"p","t":1.7e9,"flow":1}', b'{"device":"p","t":1.7e9,"flow":1,"rx":1700000009000}'
    assert decode(silent, source, NOW + 60)[0].received == NOW + 60
    assert decode(speaking, source, NOW + 60)[0].received == NOW + 9


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"{", "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b'{"device":"\\ud800","t":1,"flow":1}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"7", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'{"t":1,"flow":1}', "no_device"),
        (b'{"device":"p","flow":1}', "no_time"),
        (b'{"device":"p","t":"soon","flow":1}', "bad_time"),
        (b'{"device":"p","t":1e400,"flow":1}', "bad_time"),
        (b'{"device":"p","t":-1,"flow":1}', "bad_time"),
        (b'{"device":"p","t":1}', "no_channel"),
    ],
)
def test_a_payload_that_cannot_be_placed_says_why(payload: bytes, expected: str) -> None:
    assert rule(payload) == expected


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TimeMap("t", "epoch_ms"), 1_700_000_000_000),
        (TimeMap("t", "epoch_ns"), "1700000000000000000"),
        (TimeMap("t", "iso"), "2023-11-14T22:13:20Z"),
        (TimeMap("t", "iso", zone="Europe/Berlin"), "2023-11-14 23:13:20"),
        (TimeMap("t", "%d.%m.%Y %H:%M:%S", zone="Asia/Kolkata"), "15.11.2023 03:43:20"),
        (TimeMap("t", "counter", start="2023-11-14T00:00:00Z", period_s=80_000), 1),
    ],
)
def test_every_way_to_write_a_time(spec: TimeMap, said: object) -> None:
    assert decode(json.dumps({"device": "p", "t": said, "flow": 1}).encode(), source_map(time=spec))[0].time == NOW


def test_the_walks_senml_pack_becomes_one_row_in_canonical_units() -> None:
    pack = b'[{"bn":"pump-17/","bt":1.7e9,"n":"pressure","u":"Pa","v":640000},{"n":"flow","u":"l/s","v":31.2}]'
    readings, rejected = check(decode(pack, source_map("senml")), source_map("senml"), CHANNELS)
    (row,) = build_rows(readings, tuple(CHANNELS))
    assert (row.device, row.time, rejected) == ("pump-17", NOW, [])
    assert row.values.tolist() == pytest.approx([6.4, 31.2])


def test_senml_text_and_unknown_labels_describe_the_device() -> None:
    pack = b'[{"bn":"p/","bt":1.7e9,"fw":"2.1","n":"site","vs":"north"},{"n":"flow","v":1}]'
    (reading,) = decode(pack, source_map("senml", site="{site}", firmware="{fw}"))
    assert (reading.site, reading.firmware, reading.device) == ("north", "2.1", "p")


def test_senml_base_values_and_relative_times_are_resolved() -> None:
    pack = b'[{"bn":"p/","bv":10,"n":"flow","v":1,"t":-60},{"n":"flow"}]'
    readings = decode(pack, source_map("senml"), received=NOW)
    assert [(r.time, r.value) for r in readings] == [(NOW - 60, 11.0), (NOW, 10.0)]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"{}", "not_senml"),
        (b'[{"bn":"p/","bver":11,"n":"flow","v":1}]', "not_senml"),
        (b'[{"bn":"p/","must_":1,"n":"flow","v":1}]', "not_senml"),
        (b'[{"bn":7,"n":"flow","v":1}]', "not_senml"),
        (b'[{"bn":"p/","bt":"x","n":"flow","v":1}]', "not_senml"),
        (b'[{"v":1,"bt":1.7e9}]', "not_senml"),
        (b'[{"bn":"p/","n":"flow","v":1}]', "no_time"),
        (b'[{"n":"flow","bt":1.7e9,"v":1}]', "no_device"),
        (b'[{"bn":"p/","bt":1.7e9}]', "no_channel"),
    ],
)
def test_a_senml_pack_that_breaks_the_rules_says_which(payload: bytes, expected: str) -> None:
    assert rule(payload, "senml") == expected


def test_an_unknown_decoder_is_a_decode_error() -> None:
    assert rule(b"", "morse") == "no_decoder"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**400), 10**400) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["device", "t", "flow", "x"]), inner),
    max_leaves=8,
)
SENML = st.lists(
    st.dictionaries(st.sampled_from(["bn", "bt", "bv", "bu", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t"]), JSON)
)


@pytest.mark.parametrize("decoder", DECODERS)
@settings(max_examples=60, deadline=None)
@given(payload=st.binary() | (JSON | SENML).map(lambda v: json.dumps(v).encode()))
def test_whatever_comes_in_only_a_decode_error_comes_out(decoder: str, payload: bytes) -> None:
    source = source_map(decoder, received=TimeMap("rx", "iso"), site="{x}")
    try:
        readings, _ = check(decode(payload, source, NOW), source, CHANNELS)
    except DecodeError as error:
        assert error.rule and error.reason
    else:
        assert all(r.time >= 0 and math.isfinite(r.received) for r in readings)
        build_rows(readings, tuple(CHANNELS))


@given(
    fields=st.dictionaries(
        st.sampled_from(["device", "t", "flow", "pressure"]),
        st.text(max_size=6) | st.floats(allow_nan=False) | st.integers(),
        min_size=3,
    )
)
def test_a_record_that_is_accepted_gives_values_in_range_or_nan(fields: dict[str, object]) -> None:
    try:
        readings = decode(json.dumps(fields).encode(), source_map())
    except DecodeError:
        return
    for reading in check(readings, source_map(), CHANNELS)[0]:
        limits = CHANNELS[reading.channel]
        assert math.isnan(reading.value) or limits.min <= reading.value <= limits.max


def test_the_check_names_what_it_rejects() -> None:
    def reading(channel: str, value: float, unit: str | None = None) -> Reading:
        return Reading("p", NOW, NOW, channel, value, unit=unit)

    said = [reading("humidity", 1.0), reading("flow", 99.0), reading("pressure", 6.0, "bar")]
    kept, rejected = check(said, source_map(), CHANNELS)
    assert [r.rule for r in rejected] == ["unknown_channel", "out_of_range", "unknown_unit"]
    assert all(math.isnan(k.value) for k in kept) and len(kept) == 2
    assert rejected[1].reason == "99 is outside 0..80 l/s"


def test_rows_take_the_last_value_said_and_never_a_nan_for_it() -> None:
    said = [("p", 1.0, 5.0, "flow", 1.0), ("q", 1.0, 5.0, "flow", 7.0), ("p", 1.0, 9.0, "flow", 2.0)]
    readings = [Reading(*r) for r in (*said, ("p", 1.0, 3.0, "flow", math.nan))]
    first, second = build_rows(readings, ("pressure", "flow"))
    assert (first.device, first.received, float(first.values[1])) == ("p", 9.0, 2.0)
    assert math.isnan(first.values[0]) and second.device == "q"
