"""The release store in trouble at every step of publishing: never half a bundle, never a second release of one."""

import hashlib
import json
import uuid

import pytest

from pipelines.errors import StoreError
from pipelines.release import champion, fetch, publish
from pipelines.release.s3 import S3Store
from tests.builders.trouble import trouble_before
from tests.faults.table import cases

pytestmark = pytest.mark.slow

CONTENT = {"a.onnx": b"one" * 100, "z.npz": b"two" * 100}
OLD = {"a.onnx": b"old" * 100}
STEPS = {
    "the first file": lambda method, path: method == "PUT" and "/objects/" in path,
    "the last file": lambda method, path: method == "PUT" and _key(b"two" * 100) in path,
    "the champion is read": lambda method, path: method == "GET" and "/champions/" in path,
    "the release is recorded": lambda method, path: method == "PUT" and "/releases/" in path,
    "the champion moves": lambda method, path: method == "PUT" and "/champions/" in path,
}


def _key(data):
    return hashlib.sha256(data).hexdigest()


def bundle(folder, content):
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    files = {name: {"sha256": _key(data), "length": len(data)} for name, data in content.items()}
    (folder / "manifest.json").write_text(json.dumps({"files": files}))
    return folder


@pytest.fixture(scope="module")
def between(s3):
    with trouble_before(s3) as found:
        yield found


@pytest.fixture
def stores(s3, between, monkeypatch):
    """One prefix of the store: through the trouble, and past it."""
    prefix = uuid.uuid4().hex
    direct = S3Store("fleetloop", prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", between[1])
    return S3Store("fleetloop", prefix, patience_s=0.3, tries=2), direct


def files_of(store, folder):
    """The champion's files, checked as a device checks them."""
    fetch(store, champion(store, "pumps"), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


@cases("release store", "killed", "hangs", "refuses")
def test_a_store_that_fails_for_good_leaves_the_old_champion_and_the_next_publish_goes_on(
    stores, between, tmp_path, step, fault
):
    troubled, direct = stores
    publish(direct, "pumps", bundle(tmp_path / "old", OLD), {})
    between[0].at(fault, STEPS[step])
    new = bundle(tmp_path / "new", CONTENT)
    with pytest.raises(StoreError, match="release store s3://fleetloop/"):
        publish(troubled, "pumps", new, {"published": "monday"})
    assert files_of(direct, tmp_path / "before") == OLD
    between[0].mend()
    release = publish(troubled, "pumps", new, {"published": "tuesday"})
    assert release.version == 2 and champion(direct, "pumps") == release
    assert files_of(direct, tmp_path / "after") == CONTENT
    assert direct.get("releases/pumps/00000003.json") is None


@cases("release store", "stutters", "loses")
def test_a_store_that_fails_once_is_asked_again_and_nothing_is_done_twice(stores, between, tmp_path, step, fault):
    troubled, direct = stores
    publish(direct, "pumps", bundle(tmp_path / "old", OLD), {})
    between[0].at(fault, STEPS[step])
    release = publish(troubled, "pumps", bundle(tmp_path / "new", CONTENT), {})
    assert release.version == 2 and champion(direct, "pumps") == release
    assert files_of(direct, tmp_path / "after") == CONTENT
    assert direct.get("releases/pumps/00000003.json") is None
