"""The picture of the loop: names at the ends of lines stand apart, and what was missed is said."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.loop_figure import Deed, Line, Mark, loop_figure, spread

HEIGHTS = st.lists(st.floats(0, 100), min_size=1, max_size=8)


@given(heights=HEIGHTS, gap=st.floats(0.1, 20))
def test_names_keep_their_order_and_stand_apart(heights, gap):
    found = spread(heights, gap)
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = np.diff([found[i] for i in order])
    assert (moved >= gap - 1e-9).all() and all(f >= h for f, h in zip(found, heights, strict=True))


def test_it_says_who_spent_what_what_was_caught_and_what_was_missed():
    line = Line("the loop", np.array([0.0, 28.0]), np.array([0.0, 2e6]), (14.0,), "the loop\n2.00 M")
    marks = [Mark(3.0, "stuck of flow", 7.0), Mark(9.0, "offset of flow", None)]
    drawn = loop_figure([line], marks, [Deed(14.0, "published"), Deed(21.0, "refused")], 28.0, "EUR")
    for words in ("2.00 M", "stuck of flow", "4 d", "missed", "spent by the fleet, EUR", "var(--bad)"):
        assert words in drawn, words
