"""Sparkplug B's protobuf messages, as far as they carry measurements; built here, no generated code.

Source: Eclipse Sparkplug 3.0.0 specification, section 6.4 (sparkplug_b.proto). Fields that are left out are skipped by
protobuf as unknown ones.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fleetloop_edge.decoders.context import optional_library

_SCALARS = {"uint32": 13, "uint64": 4, "float": 2, "double": 1, "bool": 8, "string": 9, "bytes": 12}
_MESSAGE, _ONE, _MANY = 11, 1, 3

_MESSAGES: dict[str, tuple[tuple[str, int, str, bool], ...]] = {  # field, number, type, repeated
    "PropertyValue": (
        ("type", 1, "uint32", False),
        ("is_null", 2, "bool", False),
        ("int_value", 3, "uint32", False),
        ("long_value", 4, "uint64", False),
        ("string_value", 8, "string", False),
    ),
    "PropertySet": (("keys", 1, "string", True), ("values", 2, "PropertyValue", True)),
    "Metric": (
        ("name", 1, "string", False),
        ("alias", 2, "uint64", False),
        ("timestamp", 3, "uint64", False),
        ("datatype", 4, "uint32", False),
        ("is_historical", 5, "bool", False),
        ("is_null", 7, "bool", False),
        ("properties", 9, "PropertySet", False),
        ("int_value", 10, "uint32", False),
        ("long_value", 11, "uint64", False),
        ("float_value", 12, "float", False),
        ("double_value", 13, "double", False),
        ("boolean_value", 14, "bool", False),
        ("string_value", 15, "string", False),
    ),
    "Payload": (
        ("timestamp", 1, "uint64", False),
        ("metrics", 2, "Metric", True),
        ("seq", 3, "uint64", False),
    ),
}


@lru_cache(maxsize=1)
def payload_class() -> Any:
    """The class of a whole payload. Raises EdgeError where protobuf is not installed."""
    descriptor = optional_library("google.protobuf.descriptor_pb2")
    pools = optional_library("google.protobuf.descriptor_pool")
    factory = optional_library("google.protobuf.message_factory")
    file = descriptor.FileDescriptorProto(name="sparkplug_b.proto", package="sparkplug", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            own = message.field.add(name=field, number=number, label=_MANY if repeated else _ONE)
            own.type = _SCALARS.get(kind, _MESSAGE)
            if kind not in _SCALARS:
                own.type_name = f".sparkplug.{kind}"
    pool = pools.DescriptorPool()
    pool.Add(file)
    return factory.GetMessageClass(pool.FindMessageTypeByName("sparkplug.Payload"))
