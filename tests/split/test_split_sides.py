"""A device's side never depends on the rest of the fleet."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import Refused
from pipelines.params import SplitSpec
from pipelines.split import assign_sides, hashed_side

SPEC = SplitSpec(seed=0, test=0.25, calibration=0.2, valid=0.2)


def devices(**sides: str | None) -> pd.DataFrame:
    return pd.DataFrame({"device": list(sides), "side": pd.array(list(sides.values()), dtype="str")})


def side_of(sides: pd.DataFrame) -> dict[str, str]:
    return dict(zip(sides["device"], sides["side"], strict=True))


@settings(max_examples=25, deadline=None)
@given(st.sets(st.text(min_size=1), min_size=1), st.sets(st.text(min_size=1)))
def test_sides_do_not_change_as_the_fleet_grows(fleet: set[str], new: set[str]) -> None:
    before, after = (side_of(assign_sides(names, devices(), SPEC)) for names in (fleet, fleet | new))
    assert {name: after[name] for name in fleet} == before


def test_sides_are_those_of_the_published_hash() -> None:
    names = [f"pump-{i}" for i in range(8)]
    assert [hashed_side(name, SPEC) for name in names] == [
        "calibration",
        "calibration",
        "train",
        "train",
        "train",
        "train",
        "calibration",
        "train",
    ]


def test_a_given_side_holds() -> None:
    names = {f"pump-{i}": "test" for i in range(20)}
    sides = assign_sides(names, devices(**names), SPEC)
    assert set(sides["side"]) == {"test"} and sides["given"].all()


def test_shares_of_a_large_fleet_are_those_asked_for() -> None:
    share = assign_sides([f"d{i}" for i in range(5000)], devices(), SPEC)["side"].value_counts(normalize=True)
    assert share.to_dict() == pytest.approx({"train": 0.55, "test": 0.25, "calibration": 0.2}, abs=0.02)


def test_valid_is_cut_from_train() -> None:
    sides = assign_sides([f"d{i}" for i in range(500)], devices(), SPEC)
    assert set(sides.loc[sides["valid"], "side"]) == {"train"}
    assert sides.loc[sides["side"] == "train", "valid"].mean() == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("seed", range(5))
def test_even_a_tiny_fleet_has_a_valid_device_and_one_to_learn_from(seed: int) -> None:
    spec = SplitSpec(seed=seed, test=0.0, calibration=0.01, valid=0.9)
    sides = assign_sides(["a", "b", "c"], devices(), spec)
    assert 0 < sides["valid"].sum() < 3


def test_a_device_given_two_sides_is_refused_by_name() -> None:
    twice = pd.concat([devices(a="train", b="test"), devices(a="test")])
    with pytest.raises(Refused, match="1 devices on two sides: a;"):
        assign_sides(["a", "b"], twice, SPEC)


def test_a_device_that_changes_its_firmware_keeps_its_given_side() -> None:
    twice = pd.concat([devices(a="train"), devices(a="train")])
    assert side_of(assign_sides(["a"], twice, SPEC)) == {"a": "train"}
