"""The history is the chain of champions; an older one comes back under a higher version and the newer stays away."""

import json
from dataclasses import replace

import pytest

from pipelines.errors import Conflict, DataError
from pipelines.files import Place
from pipelines.release import champion, fetch, history, open_store, publish, restore, withdrawn
from pipelines.release.record import record_key
from tests.release.test_release_publish import bundle_of


@pytest.fixture
def store(tmp_path):
    return open_store(Place(tmp_path))


@pytest.fixture
def two(store, tmp_path):
    return [publish(store, "pumps", bundle_of(tmp_path / name, name.encode()), {"by": name}) for name in "ab"]


def test_history_is_the_champions_the_newest_first(store, two):
    assert history(store, "pumps") == two[::-1]
    assert history(store, "turbofan") == []


def test_a_record_of_a_publisher_that_lost_the_race_is_no_history(store, two):
    lost = replace(two[1], version=3, bundle="x" * 64, replaces=1)
    store.put(record_key("pumps", 3), lost.to_bytes())
    publish_again = restore(store, "pumps", 1, {})
    assert publish_again.version == 4
    assert [release.version for release in history(store, "pumps")] == [4, 2, 1]


def test_a_record_of_the_same_bundle_over_an_older_champion_is_not_taken_up(store, two, tmp_path):
    lost = replace(two[0], version=3, replaces=1)
    store.put(record_key("pumps", 3), lost.to_bytes())
    release = publish(store, "pumps", tmp_path / "a", {})
    assert (release.version, release.replaces) == (4, 2)


def test_restore_publishes_the_older_bundle_under_a_higher_version(store, two, tmp_path):
    release = restore(store, "pumps", 1, {"by": "ada"})
    assert (release.version, release.bundle, release.restores) == (3, two[0].bundle, 1)
    assert champion(store, "pumps") == release
    fetch(store, release, tmp_path / "got")
    assert (tmp_path / "got/model.onnx").read_bytes() == b"a"


def test_restoring_the_champion_changes_nothing(store, two):
    assert restore(store, "pumps", 2, {}) == two[1]


def test_an_unknown_version_is_said_with_the_next_step(store, two):
    with pytest.raises(DataError, match="has no release 7 of pumps; see `fleetloop history pumps`"):
        restore(store, "pumps", 7, {})


def test_a_spoilt_older_release_is_not_restored(store, two, tmp_path):
    digest = two[0].files["model.onnx"].sha256
    (tmp_path / f"data/release/objects/{digest[:2]}/{digest}").unlink()
    with pytest.raises(DataError, match="model.onnx of pumps release 1 is missing"):
        restore(store, "pumps", 1, {})
    assert champion(store, "pumps") == two[1]


def test_what_a_restore_replaced_is_withdrawn_until_somebody_publishes_it_again(store, two):
    restored = restore(store, "pumps", 1, {})
    assert withdrawn(history(store, "pumps"), two[1].bundle) == restored
    restore(store, "pumps", 2, {})
    assert withdrawn(history(store, "pumps"), two[1].bundle) is None


def test_a_bundle_that_was_only_superseded_is_not_withdrawn(store, two):
    assert withdrawn(history(store, "pumps"), two[0].bundle) is None


def test_a_candidate_compared_with_another_champion_is_not_published(store, two, tmp_path):
    with pytest.raises(Conflict, match="pumps release 2 became champion meanwhile"):
        publish(store, "pumps", bundle_of(tmp_path / "c", b"c"), {}, over=1)
    assert champion(store, "pumps") == two[1]


def test_scores_of_the_model_that_ships_and_the_hash_of_its_data_stand_in_the_release(store, tmp_path):
    bundle = bundle_of(tmp_path / "b", b"one")
    manifest = json.loads((bundle / "manifest.json").read_text())
    scores = {"gru": {"log_loss": 0.1}, "naive": {"log_loss": 0.2}}
    (bundle / "manifest.json").write_text(
        json.dumps(manifest | {"primary": "gru", "metrics": scores, "data_hash": "d"})
    )
    release = publish(store, "pumps", bundle, {})
    assert (release.scores, release.data) == ({"log_loss": 0.1}, "d")
