"""Sparkplug B: protobuf payloads whose metrics go by the aliases that a birth certificate gave them.

The message's topic, spBv1.0/group/NDATA/node[/device], must be among the context's fields. A mapping may use the fields
group, node, device (the node's name where a message is of the node itself), metric names that hold text, and
timestamp (epoch milliseconds: the metric's, else the payload's). A metric's property Quality is its verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fleetloop_edge.decoders.cell import shown, value_of
from fleetloop_edge.decoders.context import Context
from fleetloop_edge.decoders.record import cell_of, device_of, fill, times_of, with_derived
from fleetloop_edge.decoders.sparkplug_messages import payload_class
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.readings import Reading

NAMESPACE = "spBv1.0"
BIRTHS, DATA, DEATHS = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA"), ("NDEATH", "DDEATH")
GOOD = 192
"""The property Quality of a value that may be believed; 0 is bad, 500 stale."""

_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}  # data types Int8 … Int64: bits
_VALUES = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")


class _Topic(NamedTuple):
    group: str
    kind: str
    node: str
    device: str


class _Metric(NamedTuple):
    name: str
    value: Any
    timestamp: int
    verdict: str | None


def decode(payload: bytes, source: SourceMap, received: float | None, context: Context) -> list[Reading]:
    """The readings of a message. Raises DecodeError, no_birth where an alias was never born."""
    topic = _topic(context.fields.get("topic"))
    if topic.kind in DEATHS:
        raise DecodeError("no_channel", f"a death certificate ({topic.kind}) holds no value")
    message = _parse(payload)
    metrics = [metric for metric in _metrics(message, topic, context) if metric is not None]
    told = {metric.name: metric.value for metric in metrics if isinstance(metric.value, str)}
    about = {**context.fields, **told, "group": topic.group, "node": topic.node, "device": topic.device}
    known = {mapped.field: mapped for mapped in source.channels.values()}
    readings = []
    for metric in metrics:
        mapped = known.get(metric.name)
        if mapped is None and metric.name in told:
            continue
        reading = _placed(about | {"timestamp": metric.timestamp}, source, metric)
        value, raw = value_of(metric.value, source.missing) if mapped is None else cell_of(metric.value, mapped, source)
        readings.append(Reading(*reading, value, *_about(about, source), None, raw, metric.verdict))
    if not readings:
        raise DecodeError("no_channel", "the message holds no value of a channel")
    return readings


def _topic(topic: Any) -> _Topic:
    parts = topic.split("/") if isinstance(topic, str) else []
    if len(parts) not in (4, 5) or parts[0] != NAMESPACE or parts[2] not in (*BIRTHS, *DATA, *DEATHS):
        raise DecodeError("not_sparkplug", f"no topic like {NAMESPACE}/group/NDATA/node: {shown(topic)!r}", "topic")
    return _Topic(parts[1], parts[2], parts[3], parts[4] if len(parts) == 5 else parts[3])


def _parse(payload: bytes) -> Any:
    message = payload_class()()
    try:
        message.ParseFromString(payload)
    except Exception as error:  # protobuf's DecodeError; its class depends on the implementation that is installed
        reason = " ".join(str(error).split())[:120]
        raise DecodeError("not_sparkplug", f"not a Sparkplug B payload: {reason}") from None
    return message


def _metrics(message: Any, topic: _Topic, context: Context) -> list[_Metric | None]:
    """A node's birth forgets what its aliases were; births name them, data may use them."""
    node = f"{topic.group}/{topic.node}"
    if topic.kind == "NBIRTH":
        context.births[node] = {}
    names = context.births.setdefault(node, {})
    if topic.kind in BIRTHS:
        names |= {m.alias: m.name for m in message.metrics if m.HasField("alias") and m.name}
    return [_metric(metric, message.timestamp, names) for metric in message.metrics]


def _metric(metric: Any, timestamp: int, names: Mapping[int, str]) -> _Metric | None:
    name = metric.name or (names.get(metric.alias) if metric.HasField("alias") else None)
    if name is None:
        raise DecodeError("no_birth", f"alias {metric.alias} has no name: no birth certificate of its node came before")
    value = None
    if not metric.is_null:
        field = next((field for field in _VALUES if metric.HasField(field)), None)
        if field is None:
            return None  # a data set, a template or bytes: no measurement
        value = _signed(getattr(metric, field), metric.datatype)
    return _Metric(name, value, metric.timestamp or timestamp, _verdict(metric))


def _signed(value: Any, datatype: int) -> Any:
    """Signed integers travel as the unsigned ones of the same bits."""
    bits = _SIGNED.get(datatype)
    if bits is None or isinstance(value, (bool, str, float)):
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _verdict(metric: Any) -> str | None:
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if key == "Quality":
            said = value.int_value or value.long_value
            return None if said == GOOD else shown(str(said))
    return None


def _placed(fields: dict[str, Any], source: SourceMap, metric: _Metric) -> tuple[str, float, float, str]:
    whole = with_derived(fields, source) if source.fields else fields
    device = device_of(whole, source.device)
    return device, *times_of(whole, source, device), metric.name


def _about(fields: dict[str, Any], source: SourceMap) -> tuple[str | None, str | None, str | None]:
    whole = with_derived(fields, source) if source.fields else fields
    return fill(source.site, whole), fill(source.vendor, whole), fill(source.firmware, whole)
