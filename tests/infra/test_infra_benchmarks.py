"""The page of what was measured tells what misses its goal as plainly as what reaches it."""

from __future__ import annotations

import pytest

from benchmarks.page import Found, page, picture, times_better
from benchmarks.results import Figure

MACHINE = {"system": "Linux", "cpu": "x86_64", "cores": 2, "python": "3.11.7", "load": 0.5}
REACHED = Figure("fast enough", 20.0, "us", goal=50, stretch=25)
MISSED = Figure("times faster", 0.8, "x", "higher", 1.2, 1.5)
PLAIN = Figure("wall", 1234.5, "s")


def test_a_missed_goal_is_told_in_bold_beside_what_was_reached() -> None:
    text = page([Found("parts", MACHINE, (REACHED, MISSED, PLAIN))])
    assert "1 of 2 goals reached" in text
    assert "| fast enough | 20 us | ≤ 50 | ≤ 25 | yes |" in text
    assert "| times faster | 0.8 x | ≥ 1.2 | ≥ 1.5 | **no** |" in text
    assert "| wall | 1,234 s |  |  |  |" in text


@pytest.mark.parametrize(("figure", "times"), [(REACHED, 2.5), (MISSED, 0.8 / 1.2), (PLAIN, None)])
def test_how_much_better_than_its_goal_a_figure_is(figure: Figure, times: float | None) -> None:
    assert times_better(figure) == (None if times is None else pytest.approx(times))


def test_the_picture_names_every_figure_that_has_a_goal() -> None:
    drawn = picture([Found("parts", MACHINE, (REACHED, MISSED, PLAIN))])
    assert "parts · fast enough" in drawn
    assert "parts · times faster" in drawn
    assert "wall" not in drawn
