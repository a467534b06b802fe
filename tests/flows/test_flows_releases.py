"""Releases in the terminal: whole on a narrow one; a restore says what it did, or that it did nothing."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from pipelines.files import Place
from pipelines.release import history, open_store, publish
from tests.builders.stub import ROOT
from tests.release.test_release_publish import bundle_of

FACTS = {"by": "somebody-with-a-name", "cause": "drift", "published": "2026-01-05T03:30:00+00:00"}


@pytest.fixture
def two(tmp_path, monkeypatch):
    """A checkout with two releases, and how commands are given in it."""
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    store = open_store(Place(tmp_path))
    for name in "ab":
        publish(store, "pumps", bundle_of(tmp_path / name, name.encode()), FACTS)
    return lambda *words: CliRunner().invoke(app, words, catch_exceptions=False).output


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_history_is_whole_however_narrow_the_terminal(two, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    table = two("history", "pumps").partition("store:")[0]
    assert "…" not in table and max(map(len, table.splitlines())) <= columns
    newest = history(open_store(Place(Path.cwd())), "pumps")[0]
    assert newest.bundle[:8] in table and "log loss" in table and "2026-01-05" in table


def test_a_restore_republishes_under_a_higher_version_and_of_the_champion_does_nothing(two):
    assert "nothing done: the champion in " in two("restore", "pumps", "2")
    assert "pumps release 3 is champion" in two("restore", "pumps", "1")
    assert "release 3, is that bundle already" in two("restore", "pumps", "1")
    assert "restores 1" in two("history", "pumps")
