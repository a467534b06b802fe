"""AWS IoT SiteWise: property values, as it notifies of them and as BatchPutAssetPropertyValue takes them.

Each value becomes a record: assetId, propertyId, propertyAlias, timestamp (epoch seconds), quality, value. The mapping
reads it with ``long: {name: propertyAlias, value: value}``.
Source: AWS IoT SiteWise API reference, AssetPropertyValue; user guide, "Interact with other AWS services".
"""

from __future__ import annotations

from typing import Any

from fleetloop_edge.decoders.cell import number, shown
from fleetloop_edge.errors import DecodeError

NANO = 1e-9
_NAMES = ("assetId", "propertyId", "propertyAlias", "assetModelId", "entryId")


def records(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The values of a message, one record each. Raises DecodeError (not_sitewise)."""
    inner = document.get("payload", document)
    entries = inner.get("entries", [inner]) if isinstance(inner, dict) else None
    if not isinstance(entries, list) or not entries:
        raise DecodeError("not_sitewise", f"expected entries or a payload with values, got {shown(document)}")
    return [record for entry in entries for record in _of_entry(entry)]


def _of_entry(entry: Any) -> list[dict[str, Any]]:
    values = entry.get("values", entry.get("propertyValues")) if isinstance(entry, dict) else None
    if not isinstance(values, list) or not values:
        raise DecodeError("not_sitewise", f"expected values of a property, got {shown(entry)}", "values")
    about = {name: entry[name] for name in _NAMES if name in entry}
    return [about | _of_value(value) for value in values]


def _of_value(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict) or not isinstance(said.get("value"), dict):
        raise DecodeError("not_sitewise", f"expected a value with its timestamp, got {shown(said)}", "value")
    typed = said["value"]
    value = next((typed[name] for name in typed if name.endswith("Value") and name != "nullValue"), None)
    return {"timestamp": _seconds(said.get("timestamp")), "quality": said.get("quality", "GOOD"), "value": value}


def _seconds(stamp: Any) -> float:
    if isinstance(stamp, dict):
        whole, nanos = number(stamp.get("timeInSeconds")), number(stamp.get("offsetInNanos", 0))
        if whole is not None and nanos is not None:
            return whole + nanos * NANO
    raise DecodeError("bad_time", f"expected timeInSeconds and offsetInNanos, got {shown(stamp)}", "timestamp")
