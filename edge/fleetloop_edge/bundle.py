"""The bundle: one folder that holds all a device needs, checked whole before any of it runs.

manifest.json (canonical JSON) names every file with its length and sha256; the bundle's id is the manifest's own
sha256. golden.npz holds rows, inputs and answers: the device computes them again before it trusts the bundle.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.errors import BundleRejected
from fleetloop_edge.mapping import SourceMap
from fleetloop_edge.model import OnnxModel
from fleetloop_edge.scale import Scaler
from fleetloop_edge.spec import Channel, DecisionSpec, FeatureSpec, canonical_json, from_dict, spec_hash, to_dict

FORMAT = 1
MANIFEST = "manifest.json"
GOLDEN = "golden.npz"
TOLERANCE = 1e-4  # of an answer, relative to its size or to 1


@dataclass(frozen=True)
class FileEntry:
    """What a file of the bundle must be."""

    sha256: str
    length: int  # bytes


@dataclass(frozen=True)
class ModelEntry:
    """One model of the bundle, its precision with the reason for it, and its own decision rule."""

    kind: str  # lightgbm, gru, lstm
    file: str
    inputs: Literal["features", "sequence"]
    precision: Literal["int8", "float32"]
    int8_weight_fraction: float  # share of the weights stored as int8
    int8_arithmetic_fraction: float  # share of the multiplications done in int8
    reason: str  # for the precision
    decision: DecisionSpec
    interval: float  # half width of the conformal interval, score units


@dataclass(frozen=True)
class Manifest:
    """Everything the device computes, by value; hashes of what it was made from."""

    format: int
    use_case: str
    task: dict[str, Any]
    channels: tuple[Channel, ...]
    features: FeatureSpec
    features_hash: str
    scaler: Scaler | None
    sources: dict[str, SourceMap]
    primary: str
    fallback: str | None
    models: dict[str, ModelEntry]
    files: dict[str, FileEntry]
    params_hash: str
    data_hash: str
    code_hash: str
    metrics: dict[str, Any]

    def to_bytes(self) -> bytes:
        """manifest.json."""
        return canonical_json(to_dict(self))


@dataclass(frozen=True)
class Bundle:
    """A bundle that was checked and whose self-test passed."""

    path: Path
    id: str
    manifest: Manifest
    models: dict[str, OnnxModel]


def load(path: Path) -> Bundle:
    """Check every file of the bundle, load its models, run its self-test.

    Raises BundleRejected with what is wrong: a missing, foreign or changed file, an unknown format, a spec that
    does not match its hash, a graph that does not load, a golden answer that this machine does not reproduce.
    """
    data = _read(path / MANIFEST)
    manifest = parse_manifest(data)
    files = _checked_files(path, manifest)
    if spec_hash(manifest.features) != manifest.features_hash:
        raise BundleRejected(f"{path / MANIFEST}: the feature spec does not match features_hash")
    _check_models(path, manifest)
    models = {name: OnnxModel(files[entry.file]) for name, entry in manifest.models.items()}
    bundle = Bundle(path, hashlib.sha256(data).hexdigest(), manifest, models)
    self_test(bundle, files[GOLDEN])
    return bundle


def parse_manifest(data: bytes) -> Manifest:
    """The manifest of manifest.json's bytes. Raises BundleRejected if it is not one of this format."""
    try:
        value = json.loads(data)
        found = value["format"]
        if found != FORMAT:
            raise BundleRejected(f"{MANIFEST} has format {found!r}; this runtime reads format {FORMAT}")
        return from_dict(Manifest, value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleRejected(f"{MANIFEST} is not a manifest: {error}") from None


def self_test(bundle: Bundle, golden: bytes) -> None:
    """Answer the golden inputs again. Raises BundleRejected where this machine's answers differ."""
    try:
        arrays = dict(np.load(io.BytesIO(golden), allow_pickle=False))
    except (ValueError, OSError) as error:
        raise BundleRejected(f"{bundle.path / GOLDEN} cannot be read: {error}") from None
    for name, model in bundle.models.items():
        if f"{name}.x" not in arrays or f"{name}.score" not in arrays:
            raise BundleRejected(f"{bundle.path / GOLDEN} has no vectors for the model {name!r}")
        for row, x in enumerate(arrays[f"{name}.x"]):
            _compare(name, row, float(model.predict(x[None])[0]), float(arrays[f"{name}.score"][row]))


def _compare(name: str, row: int, found: float, expected: float) -> None:
    limit = TOLERANCE * max(1.0, abs(expected))
    if not abs(found - expected) <= limit:
        raise BundleRejected(
            f"self-test: model {name!r} answers {found:.6g} on golden vector {row}, expected {expected:.6g} "
            f"within {limit:.2g}; this machine does not compute what was tested"
        )


def _checked_files(path: Path, manifest: Manifest) -> dict[str, bytes]:
    """Every file's bytes, read once, so that what was checked is what runs."""
    for name in (GOLDEN, *(entry.file for entry in manifest.models.values())):
        if name not in manifest.files:
            raise BundleRejected(f"{path / MANIFEST} does not list {name}")
    if any(Path(name).name != name for name in manifest.files):
        raise BundleRejected(f"{path / MANIFEST} names a file outside the bundle")
    foreign = sorted({p.name for p in path.iterdir()} - set(manifest.files) - {MANIFEST})
    if foreign:
        raise BundleRejected(f"{path} holds {foreign[0]}, which its manifest does not list")
    return {name: _checked(path / name, entry) for name, entry in manifest.files.items()}


def _checked(path: Path, entry: FileEntry) -> bytes:
    data = _read(path)
    if len(data) != entry.length:
        raise BundleRejected(f"{path} has {len(data)} bytes, its manifest says {entry.length}")
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise BundleRejected(f"{path} does not match the sha256 in its manifest")
    return data


def _check_models(path: Path, manifest: Manifest) -> None:
    for name in (manifest.primary, manifest.fallback):
        if name is not None and name not in manifest.models:
            raise BundleRejected(f"{path / MANIFEST} names the model {name!r} but does not describe it")
    for name, entry in manifest.models.items():
        if entry.inputs == "sequence" and manifest.scaler is None:
            raise BundleRejected(f"{path / MANIFEST}: the model {name!r} needs a scaler and there is none")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleRejected(f"{path} cannot be read: {error.strerror}") from None


def file_entry(data: bytes) -> FileEntry:
    """The manifest's line on a file of these bytes."""
    return FileEntry(hashlib.sha256(data).hexdigest(), len(data))


def golden_bytes(arrays: dict[str, NDArray[Any]]) -> bytes:
    """golden.npz of these arrays (`<model>.x`, `<model>.score`); the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    return buffer.getvalue()
