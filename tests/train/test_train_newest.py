"""A cap on the rows that a training sees: the newest, of all train devices alike."""

import pytest

from pipelines.split import read_targets
from pipelines.train.load import load_windows
from pipelines.train.stage import newest

pytestmark = pytest.mark.slow


def test_a_cap_leaves_the_newest_rows_with_a_known_target(lap):
    times = read_targets(lap, "pumps")["time"].to_numpy()
    every, capped = load_windows(lap, "pumps", "train").known(), newest(lap, "pumps", 500)
    assert len(capped) == 500 < len(every)
    left_out = sorted(set(every.row) - set(capped.row))
    assert times[left_out].max() <= times[capped.row].min()
    assert (capped.row[1:] > capped.row[:-1]).all()  # in the grid's order, as a streamed table is read


def test_without_a_cap_or_below_it_all_windows_are_there(lap):
    every = load_windows(lap, "pumps", "train")
    assert len(newest(lap, "pumps", None)) == len(newest(lap, "pumps", 10**9)) == len(every)
