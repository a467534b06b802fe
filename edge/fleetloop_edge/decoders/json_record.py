"""JSON: one object a payload, or a list of objects; and what clouds wrap around them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fleetloop_edge.decoders import azure_iot, sitewise
from fleetloop_edge.decoders.cell import shown
from fleetloop_edge.decoders.context import Context
from fleetloop_edge.decoders.record import lookup, read_record
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.readings import Reading

_UNWRAP: dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]] = {
    "json": lambda fields: [fields],
    "aws_sitewise": sitewise.records,
    "azure_iot": azure_iot.records,
}
FORMATS = tuple(_UNWRAP)


def decode(payload: bytes, source: SourceMap, received: float | None, context: Context) -> list[Reading]:
    """The readings of a JSON payload; all of it is refused where one object of it is. Raises DecodeError."""
    around = context.fields
    found = [record for fields in objects(payload, source.decoder) for record in each_of(fields, source.each)]
    return [reading for fields in found for reading in read_record({**around, **fields}, source)]


def objects(payload: bytes, decoder: str = "json") -> list[dict[str, Any]]:
    """The flat records of a JSON payload. Raises DecodeError (not_json, not_an_object)."""
    document = parse(payload)
    found = document if isinstance(document, list) else [document]
    if not found or not all(isinstance(fields, dict) for fields in found):
        raise DecodeError("not_an_object", f"expected an object or a list of objects, got {shown(document)}")
    return [record for fields in found for record in _UNWRAP[decoder](fields)]


def each_of(fields: dict[str, Any], lists: tuple[str, ...]) -> list[dict[str, Any]]:
    """A record for each place of the named lists, beside the fields around them; the record itself where none is named.

    An object in a list gives its fields, a list in it fields "1", "2", …, anything else the field of the list's name;
    several lists go side by side. Raises DecodeError (no_list).
    """
    if not lists:
        return [fields]
    columns = [lookup(fields, name) for name in lists]
    for name, column in zip(lists, columns, strict=True):
        if not isinstance(column, list) or len(column) != len(columns[0]):
            told = f"{len(columns[0])} entries" if isinstance(columns[0], list) else "a list"
            raise DecodeError("no_list", f"the field {name!r} should hold {told}, got {shown(column)}", name)
    around = {name: value for name, value in fields.items() if name not in lists}
    return [around | _entry(lists, place) for place in zip(*columns, strict=True)]


def _entry(lists: tuple[str, ...], place: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in zip(lists, place, strict=True):
        if isinstance(value, dict):
            found |= value
        elif isinstance(value, list):
            found |= {str(i): inner for i, inner in enumerate(value, start=1)}
        else:
            found[name] = value
    return found


def parse(payload: bytes) -> Any:
    """Any JSON value. Raises DecodeError (not_json)."""
    try:
        text = payload.decode("utf-8-sig")
        document = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # half of a surrogate pair is text that no table can hold
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DecodeError("not_json", f"not JSON: {reason}") from None
