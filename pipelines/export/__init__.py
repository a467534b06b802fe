"""Every model that passed its gates to ONNX float and int8; the cheapest of the best and its fallback in a bundle."""

from pipelines.export.pick import pick_devices
from pipelines.export.read import bundle_path, read_export_report

__all__ = ["bundle_path", "pick_devices", "read_export_report"]
