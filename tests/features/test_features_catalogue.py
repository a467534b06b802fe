"""The list of features is whole, and docs/features.md shows it."""

from __future__ import annotations

import typing
from pathlib import Path

from fleetloop_edge.catalogue import CATALOGUE, as_markdown
from fleetloop_edge.spec import PerRow, Statistic


def test_every_kind_of_feature_has_a_formula() -> None:
    named = {part for entry in CATALOGUE for part in entry.name.replace(",", "").replace(" ", ".").split(".")}
    stats = {stat if not stat.startswith("q") else "q05" for stat in typing.get_args(Statistic)}
    assert stats <= named and set(typing.get_args(PerRow)) - {"calendar"} <= named


def test_the_page_shows_the_list() -> None:
    page = Path("docs/features.md").read_text()
    assert as_markdown() in page, "paste fleetloop_edge.catalogue.as_markdown() into docs/features.md"
