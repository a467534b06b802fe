"""A device's side: given by the dataset, else a seeded hash of its name. It never changes as the fleet grows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

import pandas as pd

from pipelines.errors import Refused
from pipelines.params import SplitSpec

Side = Literal["train", "calibration", "test"]
SIDES: tuple[Side, ...] = ("train", "calibration", "test")


def assign_sides(names: Iterable[str], devices: pd.DataFrame, spec: SplitSpec) -> pd.DataFrame:
    """device, side, given (by the dataset), valid (the part of train that only draws curves); sorted by device.

    names: devices that have rows. devices: device, side (None: not given), a line a device and change.
    Raises Refused naming the devices to which the dataset gives two sides.
    """
    given = given_sides(devices)
    known = sorted(set(names) | set(devices["device"].astype(str)))
    sides = pd.DataFrame({"device": pd.array(known, dtype="str")})
    sides["side"] = [given.get(name) or hashed_side(name, spec) for name in known]
    sides["given"] = [name in given for name in known]
    sides["valid"] = _valid(sides, spec)
    return sides


def hashed_side(name: str, spec: SplitSpec) -> Side:
    """The side of a device that the dataset does not place."""
    place = hashed_place(name, spec)
    if place < spec.test:
        return "test"
    return "calibration" if place < spec.test + spec.calibration else "train"


def given_sides(devices: pd.DataFrame) -> dict[str, str]:
    """device -> the side that the dataset gives it. Raises Refused naming the devices that it gives two."""
    stated = devices.loc[devices["side"].notna(), ["device", "side"]].astype(str).drop_duplicates()
    twice = sorted(stated.loc[stated["device"].duplicated(), "device"].unique())
    if twice:
        raise Refused(
            f"the dataset places {len(twice)} devices on two sides: {', '.join(twice[:5])}; "
            "give each device one side in its source's `side`, then run the ingest stage again"
        )
    return dict(zip(stated["device"], stated["side"], strict=True))


def _valid(sides: pd.DataFrame, spec: SplitSpec) -> list[bool]:
    """By hash too; where a small fleet leaves none, the train device nearest to being one."""
    train = sides["side"] == "train"
    place = {name: hashed_place(f"valid:{name}", spec) for name in sides.loc[train, "device"]}
    chosen = {name for name, at in place.items() if at < spec.valid}
    ranked = sorted(place, key=lambda name: place[name])
    if spec.valid > 0 and len(ranked) > 1:
        chosen = (chosen or {ranked[0]}) - {ranked[-1]}
    return [name in chosen for name in sides["device"]]


def hashed_place(text: str, spec: SplitSpec) -> float:
    """A place in 0 … 1 that depends on the text and the seed alone."""
    return int.from_bytes(hashlib.sha256(f"{spec.seed}:{text}".encode()).digest()[:8], "big") / 2**64
