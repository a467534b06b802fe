"""Payloads as vendors' devices and clouds send them, in every format that has bytes of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

from fleetloop_edge.decoders.sparkplug_messages import payload_class

T = 1_700_000_000


def senml(**changes: Any) -> list[dict[str, Any]]:
    """A pack of one device: pressure in Pa, flow in l/s, firmware as text."""
    first = {"bn": "pump-17/", "bt": float(T), "n": "pressure", "u": "Pa", "v": 640000}
    return [first | changes, {"n": "flow", "u": "l/s", "v": 31.2}, {"n": "fw", "vs": "2.1"}]


def senml_cbor() -> bytes:
    """The same in CBOR."""
    import cbor2

    labels = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2, "vs": 3}
    return cbor2.dumps([{labels[key]: value for key, value in record.items()} for record in senml()])


def sparkplug(*metrics: dict[str, Any], timestamp: int = T * 1000) -> bytes:
    """A Sparkplug B payload of metrics given by their protobuf fields."""
    payload = payload_class()(timestamp=timestamp, seq=1)
    for metric in metrics:
        quality = metric.pop("quality", None)
        one = payload.metrics.add(**metric)
        if quality is not None:
            one.properties.keys.append("Quality")
            one.properties.values.add(type=3, int_value=quality)
    return bytes(payload.SerializeToString())


def sitewise_update(
    value: Any = 640000, quality: str = "GOOD", alias: str = "/north/pump-17/pressure"
) -> dict[str, Any]:
    """A notification of AWS IoT SiteWise."""
    stamp = {"timeInSeconds": T, "offsetInNanos": 500_000_000}
    said = {"timestamp": stamp, "quality": quality, "value": {"doubleValue": 640000}}
    about = {"assetId": "a-1", "propertyId": "p-1", "propertyAlias": alias}
    return {"type": "PropertyValueUpdate", "payload": about | {"values": [said]}}


def azure_message(body: Any = None, encoded: bool = False) -> dict[str, Any]:
    """A message as IoT Hub writes it to storage."""
    body = {"pressure": 640000, "flow": 31.2, "t": T} if body is None else body
    return {
        "EnqueuedTimeUtc": "2023-11-14T22:13:29.1234567Z",
        "Properties": {"plant": "north"},
        "SystemProperties": {"connectionDeviceId": "pump-17", "contentType": "application/json"},
        "Body": base64.b64encode(json.dumps(body).encode()).decode() if encoded else body,
    }
