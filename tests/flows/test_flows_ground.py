"""A champion's data stand where it was made; histories stay the checkout's."""

import pytest

from flows.ground import ground_of, in_use, point_to
from flows.workspace import settle, workspaces


@pytest.fixture
def home(tmp_path):
    for name in ("one", "two", "three"):
        (workspaces(tmp_path) / name / ".git").mkdir(parents=True)
        (workspaces(tmp_path) / name / "data").mkdir()
        (workspaces(tmp_path) / name / "params.yaml").write_text(name)
    return tmp_path


def test_after_a_lap_in_place_the_ground_is_the_checkout(home):
    point_to(home, "pumps", workspaces(home) / "one")
    point_to(home, "pumps", None)
    assert ground_of(home, "pumps") == home and in_use(home) == set()


def test_the_ground_has_the_champion_s_data_and_the_checkout_s_history(home):
    for name in ("one", "two"):
        point_to(home, "pumps", workspaces(home) / name)
        ground = ground_of(home, "pumps")
        assert (ground / "params.yaml").read_text() == name
        assert (ground / "data").resolve() == workspaces(home) / name / "data"
        assert (ground / ".fleetloop").resolve() == home / ".fleetloop"


def test_a_clone_goes_once_no_champion_stands_in_it(home):
    settle(home, workspaces(home) / "one", ["pumps", "turbofan"])
    settle(home, workspaces(home) / "two", ["pumps"])
    assert in_use(home) == {workspaces(home) / "one", workspaces(home) / "two"}
    settle(home, workspaces(home) / "three", [])
    settle(home, workspaces(home) / "two", ["turbofan"])
    assert {path.name for path in workspaces(home).iterdir()} == {"two"}
