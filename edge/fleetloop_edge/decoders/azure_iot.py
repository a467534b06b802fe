"""Azure IoT: messages as IoT Hub routes them to storage and to endpoints, and as IoT Central exports them.

The body's fields stand beside deviceId, enqueuedTime and `properties`, those that the device set.
Source: Microsoft, "IoT Hub message routing: storage endpoints"; "Export IoT data to cloud destinations (IoT Central)".
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from fleetloop_edge.decoders.cell import shown
from fleetloop_edge.errors import DecodeError


def records(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a message: one, or one for each object of its body. Raises DecodeError (not_azure_iot)."""
    hub = "Body" in document or "body" in document
    body = document.get("Body", document.get("body")) if hub else document.get("telemetry")
    about = _hub(document) if hub else _central(document)
    about["properties"] = document.get("Properties") or document.get("messageProperties") or {}
    found = _opened(body)
    return [about | fields for fields in found]


def _hub(document: dict[str, Any]) -> dict[str, Any]:
    system = document.get("SystemProperties") or document.get("systemProperties") or {}
    if not isinstance(system, dict):
        raise DecodeError("not_azure_iot", f"expected SystemProperties, got {shown(system)}", "SystemProperties")
    device = system.get("connectionDeviceId", system.get("iothub-connection-device-id"))
    arrived = document.get("EnqueuedTimeUtc", system.get("enqueuedTime", system.get("iothub-enqueuedtime")))
    about = {"deviceId": device, "enqueuedTime": arrived}
    return {key: value for key, value in about.items() if value is not None}


def _central(document: dict[str, Any]) -> dict[str, Any]:
    return {key: document[key] for key in ("deviceId", "enqueuedTime") if key in document}


def _opened(body: Any) -> list[dict[str, Any]]:
    """A body is JSON where the device said so, else base64 of it."""
    if isinstance(body, str):
        try:
            body = json.loads(base64.b64decode(body, validate=True).decode())
        except (binascii.Error, ValueError, RecursionError):
            raise DecodeError("not_azure_iot", f"the body is neither JSON nor base64 of it: {shown(body)!r}") from None
    found = body if isinstance(body, list) else [body]
    if not found or not all(isinstance(fields, dict) for fields in found):
        raise DecodeError("not_azure_iot", f"expected a body with fields, got {shown(body)}", "Body")
    return found
