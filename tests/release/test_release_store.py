"""Both stores keep the same promises: objects are written once, a pointer moves only for who knows where it is."""

import threading

import pytest

from pipelines.errors import Conflict, ParamsError, StoreError
from pipelines.files import Place
from pipelines.release import open_store


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.slow)])
def store(request, tmp_path):
    if request.param == "directory":
        return open_store(Place(tmp_path))
    request.getfixturevalue("s3")
    return open_store(Place(tmp_path), f"s3://fleetloop/{tmp_path.name}")


def test_an_object_comes_back_as_it_was_put(store):
    store.put("objects/ab/abc", b"bytes")
    assert store.get("objects/ab/abc") == b"bytes"


def test_a_key_that_was_never_put_is_none(store):
    assert store.get("objects/no") is None
    assert store.read_pointer("champions/no.json") is None


def test_the_same_bytes_may_be_put_twice_and_others_never(store):
    store.put("objects/a", b"one")
    store.put("objects/a", b"one")
    with pytest.raises(Conflict, match="written once"):
        store.put("objects/a", b"two")
    assert store.get("objects/a") == b"one"


def test_a_pointer_moves_for_who_knows_its_etag(store):
    store.swap_pointer("p", b"1", None)
    _, etag = store.read_pointer("p")
    store.swap_pointer("p", b"2", etag)
    assert store.read_pointer("p")[0] == b"2"


@pytest.mark.parametrize("etag", [None, '"0123456789abcdef0123456789abcdef"'])
def test_a_pointer_that_moved_is_a_conflict(store, etag):
    store.swap_pointer("p", b"1", None)
    with pytest.raises(Conflict, match="moved by somebody else"):
        store.swap_pointer("p", b"2", etag)
    assert store.read_pointer("p")[0] == b"1"


def test_a_pointer_that_was_never_set_has_no_etag_to_match(store):
    with pytest.raises(Conflict):
        store.swap_pointer("p", b"1", '"0123456789abcdef0123456789abcdef"')


def test_of_many_who_set_a_pointer_at_once_one_wins(store):
    lost = []

    def swap(value):
        try:
            store.swap_pointer("race", value, None)
        except Conflict:
            lost.append(value)

    threads = [threading.Thread(target=swap, args=(b"%d" % i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 7
    assert store.read_pointer("race")[0] not in lost


def test_a_folder_that_refuses_is_one_clear_error(tmp_path):
    (tmp_path / "store").write_text("a file, no folder")
    with pytest.raises(StoreError, match="store.*not a directory; nothing was published"):
        open_store(Place(tmp_path), "store").put("objects/a", b"x")


@pytest.mark.slow
def test_s3_without_the_right_key_is_one_clear_error(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreError, match=r"s3://fleetloop/p refused objects/a: SignatureDoesNotMatch \(HTTP 403\)"):
        open_store(Place(tmp_path), "s3://fleetloop/p").put("objects/a", b"x")


@pytest.mark.slow
def test_a_store_that_may_only_be_read_is_no_lost_race(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fleetloop-reader")
    with pytest.raises(StoreError, match="refused objects/a: AccessDenied .*check bucket, credentials") as error:
        open_store(Place(tmp_path), "s3://fleetloop/p").put("objects/a", b"x")
    assert not isinstance(error.value, Conflict)


@pytest.mark.slow
def test_a_bucket_that_does_not_exist_is_one_clear_error(s3, tmp_path):
    with pytest.raises(StoreError, match="NoSuchBucket .*check bucket"):
        open_store(Place(tmp_path), "s3://no-such-bucket/p").get("objects/a")


@pytest.mark.slow
def test_a_server_that_is_not_there_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    with pytest.raises(StoreError, match="cannot be reached: .*127.0.0.1:9.*FLEETLOOP_STORE"):
        open_store(Place(tmp_path), "s3://bucket").get("objects/a")


@pytest.mark.parametrize("url", ["gs://bucket/prefix", "s3://", "s3:///prefix"])
def test_an_address_that_is_no_store_is_named(tmp_path, url):
    with pytest.raises(ParamsError, match="expected s3://bucket/prefix or a folder"):
        open_store(Place(tmp_path), url)
