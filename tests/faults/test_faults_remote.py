"""The DVC remote in trouble in the middle of a transfer: a clear end, nothing half, and the next try goes on."""

import pytest

from flows.remote import pull, push
from pipelines.errors import StoreError
from tests.builders.remotes import clone, new_remote, processes_below, sh, team_checkout
from tests.builders.trouble import trouble_before
from tests.faults.table import cases

pytestmark = pytest.mark.slow

A_FILE = "/files/md5/"
PATIENCE_S = 8


@pytest.fixture(scope="module")
def between(s3):
    with trouble_before(s3) as found:
        yield found


@cases("DVC remote", "killed", "hangs", "refuses", at="while it gives")
def test_a_remote_that_fails_while_it_gives_leaves_nothing_half_and_the_next_pull_goes_on(
    team, between, tmp_path, monkeypatch, fault, step
):
    trouble, address = between
    other = clone(team, tmp_path / "other")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    trouble.at(fault, lambda method, path: method == "GET" and A_FILE in path)
    with pytest.raises(StoreError, match="s3://fleetloop/"):
        pull(other, patience_s=PATIENCE_S)
    assert processes_below(other) == []
    trouble.mend()
    pull(other)
    assert "Running stage" not in sh(other, "dvc", "repro")


@cases("DVC remote", "killed", "hangs", "refuses", at="while it takes")
def test_a_remote_that_fails_while_it_takes_loses_nothing_and_the_next_push_goes_on(
    s3, between, tmp_path, monkeypatch, fault, step
):
    """The raw files and the results stay here; what a label costs to make is not made twice."""
    trouble, address = between
    folder = team_checkout(tmp_path / "checkout", new_remote())
    sh(folder, "dvc", "repro", "--quiet", "-s", "ingest@d")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    trouble.at(fault, lambda method, path: method == "PUT" and A_FILE in path)
    with pytest.raises(StoreError, match="s3://fleetloop/"):
        push(folder, patience_s=PATIENCE_S)
    assert (folder / "data/raw/d/x").read_text() == "one\n" and processes_below(folder) == []
    trouble.mend()
    push(folder)
    other = clone(folder, tmp_path / "other")
    pull(other)
    assert (other / "data/raw/d/x").read_text() == "one\n"
