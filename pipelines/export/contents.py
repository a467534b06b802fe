"""The bundle's files, from values alone: the same inputs give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop_edge.bundle import FORMAT, GOLDEN, MANIFEST, Manifest, ModelEntry, file_entry, golden_bytes
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.model import OnnxModel
from fleetloop_edge.scale import Scaler
from fleetloop_edge.spec import Channel, FeatureSpec, spec_hash
from pipelines.export.graphs import Exported, model_inputs
from pipelines.train import Windows

CARD = "card.md"


@dataclass(frozen=True)
class Facts:
    """What the manifest says beside the models."""

    use_case: str
    task: dict[str, Any]
    channels: tuple[Channel, ...]
    features: FeatureSpec
    sources: dict[str, SourceMap]
    params_hash: str
    data_hash: str
    code_hash: str
    metrics: dict[str, Any]
    card: str


def bundle_files(
    primary: Exported, fallback: Exported | None, facts: Facts, vectors: Windows, golden: int
) -> dict[str, bytes]:
    """Every file of the bundle by name. vectors: windows that the golden inputs are taken from, evenly."""
    shipped = {model.name: model for model in (primary, fallback) if model is not None}
    files = {f"{name}.onnx": model.graphs[model.precision] for name, model in shipped.items()}
    files[GOLDEN] = _golden(shipped, vectors, golden)
    files[CARD] = facts.card.encode()
    manifest = Manifest(
        format=FORMAT,
        use_case=facts.use_case,
        task=facts.task,
        channels=facts.channels,
        features=facts.features,
        features_hash=spec_hash(facts.features),
        scaler=_scaler(shipped.values()),
        sources=facts.sources,
        primary=primary.name,
        fallback=None if fallback is None else fallback.name,
        models={name: _entry(model) for name, model in shipped.items()},
        files={name: file_entry(data) for name, data in sorted(files.items())},
        params_hash=facts.params_hash,
        data_hash=facts.data_hash,
        code_hash=facts.code_hash,
        metrics=facts.metrics,
    )
    return files | {MANIFEST: manifest.to_bytes()}


def _entry(model: Exported) -> ModelEntry:
    return ModelEntry(
        kind=model.kind,
        file=f"{model.name}.onnx",
        inputs=model.inputs,
        precision=model.precision,
        int8_weight_fraction=model.weight_fraction[model.precision],
        int8_arithmetic_fraction=0.0,  # int8 weights become float32 before they are multiplied
        reason=model.reason,
        decision=model.learnt.decision,
        interval=model.learnt.interval,
    )


def _scaler(models: Iterable[Exported]) -> Scaler | None:
    return next((model.scaler for model in models if model.scaler is not None), None)


def _golden(models: Mapping[str, Exported], windows: Windows, count: int) -> bytes:
    which = np.unique(np.linspace(0, len(windows) - 1, min(count, len(windows))).astype(np.int64))
    arrays = {}
    for name, model in models.items():
        x = model_inputs(model.inputs, model.scaler, windows, which)
        device = OnnxModel(model.graphs[model.precision])
        arrays[f"{name}.x"] = x
        arrays[f"{name}.score"] = np.array([device.predict(one[None])[0] for one in x], dtype=np.float32)
    return golden_bytes(arrays)


def files_hash(root: Path, paths: Iterable[Path]) -> str:
    """sha256 over the files at and below `paths`: names relative to `root`, lengths and bytes, in sorted order."""
    digest = hashlib.sha256()
    files = sorted(f for path in paths for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file())
    for file in (f for f in files if "__pycache__" not in f.parts):
        data = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def without_pictures(markdown: str) -> str:
    """A model card for a device: it has no pictures beside it."""
    lines = [line for line in markdown.splitlines() if not line.startswith("![")]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept) + "\n"
