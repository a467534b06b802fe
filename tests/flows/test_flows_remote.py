"""The team's DVC remote in a real S3 server: what one machine made another takes, and what can go wrong on the way."""

import socket

import pytest

from flows.remote import pull, push
from pipelines.errors import DataError, ParamsError, StoreError
from tests.builders.remotes import clone, new_remote, processes_below, sh, team_checkout

pytestmark = pytest.mark.slow


def test_another_machine_takes_data_and_results_and_repro_runs_nothing(team, tmp_path):
    other = clone(team, tmp_path / "other")
    assert not (other / "data" / "raw" / "d").exists()
    assert pull(other).startswith("pulled from s3://fleetloop/")
    assert (other / "data/raw/d/x").read_text() == "one\n" and (other / "data/a/export/bundle/manifest.json").exists()
    assert "Running stage" not in sh(other, "dvc", "repro")
    assert sh(other, "git", "status", "--porcelain") == ""


def test_what_another_machine_computed_before_comes_from_the_run_cache(team, tmp_path):
    """The lock of this state was never committed; only the run-cache knows of it."""
    first, second = clone(team, tmp_path / "first"), clone(team, tmp_path / "second")
    for folder in (first, second):
        pull(folder)
        (folder / "data/raw/d").chmod(0o755)
        (folder / "data/raw/d/y").write_text("two\n")
        sh(folder, "dvc", "add", "--quiet", "data/raw/d")
    sh(first, "dvc", "repro", "--quiet")
    push(first)
    pull_runs = sh(second, "dvc", "pull", "--quiet", "--run-cache", "--allow-missing") + sh(second, "dvc", "repro")
    assert "Running stage" not in pull_runs and "is cached - skipping run" in pull_runs


def test_pushing_again_and_pulling_again_change_nothing(team, tmp_path):
    other = clone(team, tmp_path / "other")
    assert [pull(other), pull(other), push(other)][0].startswith("pulled")
    assert sh(other, "git", "status", "--porcelain") == ""


def test_raw_files_that_nobody_pushed_are_named(s3, tmp_path):
    folder = team_checkout(tmp_path / "checkout", new_remote())
    with pytest.raises(DataError, match="lacks data/raw/d; run `fleetloop data push` where these files are"):
        pull(clone(folder, tmp_path / "other"))


def test_without_a_remote_the_command_that_sets_one_is_named(s3, tmp_path):
    folder = team_checkout(tmp_path / "checkout", new_remote())
    sh(folder, "dvc", "remote", "remove", "team")
    with pytest.raises(ParamsError, match="dvc remote add --default team s3://BUCKET/dvc"):
        push(folder)


def test_refused_keys_are_the_remote_s_own_words(team, tmp_path, monkeypatch):
    other = clone(team, tmp_path / "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreError, match="`dvc pull` with s3://fleetloop/.* failed: .*run the same command again"):
        pull(other)


def test_a_remote_that_is_down_or_hangs_is_given_up_and_leaves_no_process(team, tmp_path, monkeypatch):
    other = clone(team, tmp_path / "other")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreError, match="did not finish `dvc pull` in 4 s"):
            pull(other, patience_s=4)
    assert processes_below(other) == []
    with pytest.raises(StoreError, match="`dvc pull` with"):  # nobody listens there now
        pull(other)
    monkeypatch.undo()
