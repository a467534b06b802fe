"""A bundle is checked whole before any of it runs; each test spoils one thing."""

import io
import json

import numpy as np
import pytest

from fleetloop_edge.bundle import file_entry, golden_bytes, load, parse_manifest
from fleetloop_edge.errors import BundleRejected
from fleetloop_edge.spec import to_dict
from tests.builders.bundles import entry, write_bundle


@pytest.fixture
def folder(tmp_path):
    return write_bundle(tmp_path / "bundle")


def rewrite(folder, **changes):
    manifest = json.loads((folder / "manifest.json").read_text()) | changes
    (folder / "manifest.json").write_text(json.dumps(manifest))


def refit(folder, name, data):
    """Replace a file and its line in the manifest, as an attacker without a key would."""
    (folder / name).write_bytes(data)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    rewrite(folder, files=files | {name: to_dict(file_entry(data))})


def test_a_whole_bundle_loads_and_answers(folder):
    bundle = load(folder)
    assert bundle.models["sequence"].predict(np.zeros((2, 4, 2), np.float32)).tolist() == [0.5, 0.5]
    assert len(bundle.id) == 64


def test_the_same_parts_give_the_same_id(folder, tmp_path):
    assert load(folder).id == load(write_bundle(tmp_path / "again")).id


def test_a_manifest_survives_its_own_bytes(folder):
    data = (folder / "manifest.json").read_bytes()
    assert parse_manifest(data).to_bytes() == data


def test_one_changed_byte_is_rejected(folder):
    data = bytearray((folder / "sequence.onnx").read_bytes())
    data[20] ^= 1
    (folder / "sequence.onnx").write_bytes(data)
    with pytest.raises(BundleRejected, match=r"sequence.onnx does not match the sha256"):
        load(folder)


def test_a_truncated_file_is_rejected_with_both_lengths(folder):
    (folder / "baseline.onnx").write_bytes(b"short")
    with pytest.raises(BundleRejected, match=r"baseline.onnx has 5 bytes, its manifest says \d+"):
        load(folder)


def test_a_missing_file_is_rejected(folder):
    (folder / "golden.npz").unlink()
    with pytest.raises(BundleRejected, match=r"golden.npz cannot be read: No such file"):
        load(folder)


def test_a_file_that_the_manifest_does_not_list_is_rejected(folder):
    (folder / "extra.so").write_bytes(b"")
    with pytest.raises(BundleRejected, match=r"extra.so, which its manifest does not list"):
        load(folder)


def test_a_file_outside_the_bundle_is_rejected(folder):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    rewrite(folder, files=files | {"../other": {"sha256": "", "length": 0}})
    with pytest.raises(BundleRejected, match="outside the bundle"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 2}, "format 2; this runtime reads format 1"),
        ({"features_hash": "0"}, "feature spec does not match features_hash"),
        ({"primary": "other"}, "names the model 'other' but does not describe it"),
        ({"scaler": None}, "'sequence' needs a scaler"),
        ({"unknown": 1}, "unknown is not a known key"),
        ({"models": {"m": to_dict(entry("m.onnx", "features"))}}, "does not list m.onnx"),
    ],
)
def test_a_manifest_that_cannot_run_is_rejected(folder, changes, reason):
    rewrite(folder, **changes)
    with pytest.raises(BundleRejected, match=reason):
        load(folder)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1}'])
def test_bytes_that_are_no_manifest_are_rejected(data):
    with pytest.raises(BundleRejected, match="not a manifest"):
        parse_manifest(data)


def test_a_machine_that_answers_otherwise_is_rejected_by_the_self_test(folder):
    arrays = dict(np.load(io.BytesIO((folder / "golden.npz").read_bytes())))
    arrays["sequence.score"] = arrays["sequence.score"] + np.float32(0.01)
    refit(folder, "golden.npz", golden_bytes(arrays))
    with pytest.raises(BundleRejected, match="self-test: model 'sequence' answers"):
        load(folder)


def test_a_bundle_without_vectors_for_a_model_is_rejected(folder):
    refit(folder, "golden.npz", golden_bytes({"other.x": np.zeros(1)}))
    with pytest.raises(BundleRejected, match="no vectors for the model"):
        load(folder)


def test_golden_bytes_do_not_depend_on_the_order_of_arrays():
    a, b = np.arange(3.0), np.arange(4.0)
    assert golden_bytes({"a": a, "b": b}) == golden_bytes({"b": b, "a": a})
