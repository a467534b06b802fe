"""Publishing is safe to repeat and to race; versions rise; what is fetched is what was released."""

import hashlib
import json
import threading

import pytest

from pipelines.errors import DataError
from pipelines.files import Place
from pipelines.release import champion, fetch, open_store, publish


def bundle_of(folder, content):
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content)
    facts = {"sha256": hashlib.sha256(content).hexdigest(), "length": len(content)}
    (folder / "manifest.json").write_text(json.dumps({"files": {"model.onnx": facts}}))
    return folder


@pytest.fixture
def store(tmp_path):
    return open_store(Place(tmp_path))


def test_the_first_release_is_version_1_and_champion(store, tmp_path):
    release = publish(store, "pumps", bundle_of(tmp_path / "b", b"one"), {"code_commit": "abc"})
    assert (release.version, release.facts) == (1, {"code_commit": "abc"})
    assert champion(store, "pumps") == release


def test_the_champion_published_again_stays_the_release_it_is(store, tmp_path):
    bundle = bundle_of(tmp_path / "b", b"one")
    first = publish(store, "pumps", bundle, {"published": "monday"})
    assert publish(store, "pumps", bundle, {"published": "tuesday"}) == first


def test_an_older_bundle_comes_back_under_a_higher_version(store, tmp_path):
    old, new = bundle_of(tmp_path / "a", b"old"), bundle_of(tmp_path / "b", b"new")
    versions = [publish(store, "pumps", bundle, {}).version for bundle in (old, new, old)]
    assert versions == [1, 2, 3]


def test_a_crash_before_the_pointer_moved_is_taken_up_by_the_next_publish(store, tmp_path):
    bundle = bundle_of(tmp_path / "b", b"one")
    first = publish(store, "pumps", bundle, {"published": "monday"})
    (tmp_path / "data/release/champions/pumps.json").unlink()
    assert publish(store, "pumps", bundle, {"published": "tuesday"}) == first


def test_publishing_at_once_gives_each_a_version_of_its_own(store, tmp_path):
    bundles = [bundle_of(tmp_path / f"b{i}", b"%d" % i) for i in range(5)]
    found = []
    threads = [threading.Thread(target=lambda b=b: found.append(publish(store, "pumps", b, {}))) for b in bundles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({release.version for release in found}) == 5
    assert champion(store, "pumps").version == max(release.version for release in found)


def test_what_is_fetched_is_what_was_released(store, tmp_path):
    bundle = bundle_of(tmp_path / "b", b"one")
    fetch(store, publish(store, "pumps", bundle, {}), tmp_path / "got")
    assert {p.name: p.read_bytes() for p in (tmp_path / "got").iterdir()} == {
        p.name: p.read_bytes() for p in bundle.iterdir()
    }


def test_an_object_that_was_spoilt_in_the_store_is_refused_and_leaves_nothing(store, tmp_path):
    release = publish(store, "pumps", bundle_of(tmp_path / "b", b"one"), {})
    digest = release.files["model.onnx"].sha256
    (tmp_path / f"data/release/objects/{digest[:2]}/{digest}").write_bytes(b"two")
    with pytest.raises(DataError, match="model.onnx of pumps release 1 is missing or not what was released"):
        fetch(store, release, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_a_bundle_that_is_not_what_its_manifest_says_is_not_published(store, tmp_path):
    bundle = bundle_of(tmp_path / "b", b"one")
    (bundle / "model.onnx").write_bytes(b"cut")
    (bundle / "model.onnx").write_bytes(b"on")
    with pytest.raises(DataError, match="model.onnx is missing or not what manifest.json says"):
        publish(store, "pumps", bundle, {})
    assert champion(store, "pumps") is None


def test_a_folder_without_a_manifest_is_no_bundle(store, tmp_path):
    with pytest.raises(DataError, match="is no bundle .*fleetloop run"):
        publish(store, "pumps", tmp_path, {})
