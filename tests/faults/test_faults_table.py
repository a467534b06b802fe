"""The table of faults: enough of them, each known to a test, and shown as it is."""

from pathlib import Path

from tests.faults.table import ROWS, markdown

ROOT = Path(__file__).parents[2]


def test_there_are_at_least_25_cases_of_every_part_and_none_is_listed_twice():
    found = [(row.part, row.fault, step) for row in ROWS for step in row.steps]
    assert len(set(found)) == len(found) >= 25
    assert {part for part, *_ in found} >= {"server", "database", "release store", "worker", "DVC remote"}
    assert sum("full stack" in fault for _, fault, _ in found) >= 4


def test_the_page_shows_the_table_as_the_tests_have_it():
    assert markdown() in (ROOT / "docs" / "loop.md").read_text()
