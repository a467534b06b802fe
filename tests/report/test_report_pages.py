"""Figures, pages, Markdown and words: the same bytes each time, good in light and dark."""

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from pipelines.report import figures, words
from pipelines.report.colours import COLOURS, css
from pipelines.report.figures import Scored
from pipelines.report.page import Cell, Fact, Figure, Link, Page, Section, Table
from pipelines.report.render import to_html, to_markdown, to_terminal


def scored(seed=0, count=200):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, count)
    return [Scored("baseline", "LightGBM", x, rng.uniform(0, 1, count)), Scored("sequence", "GRU & co", x, x)]


CURVE = {"train": (np.arange(5.0), np.arange(5.0)), "valid": (np.arange(5.0), np.arange(5.0) + 1)}
DRAWN = {
    "truth": lambda: figures.truth_against_prediction(scored(), "cycles", 0.2),
    "life": lambda: figures.score_before_failure(scored(), 0.3, "hour"),
    "reliability": lambda: figures.reliability(scored()),
    "devices": lambda: figures.error_by_device(["a", "b"], {"naive": ("naive", np.array([1.0, 2.0]))}, "hours"),
    "importance": lambda: figures.importance([("baseline", "LightGBM", {"x.mean.12": 0.7, "y": 0.3})]),
    "curves": lambda: figures.training_curves([("sequence", "GRU", CURVE)]),
    "cost": lambda: figures.cost_curves([("sequence", "GRU", np.arange(4.0), np.arange(4.0) + 1, 0.0)], "t", "EUR"),
    "story": lambda: figures.one_device("day", scored(), {"baseline": 0.4, "sequence": 0.5}, np.array([0.7]), "score"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_the_same_each_time(name):
    assert DRAWN[name]() == DRAWN[name]()


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_well_formed_and_takes_its_colours_from_variables(name):
    text = DRAWN[name]()
    root = ET.fromstring(text)
    assert root.tag.endswith("svg") and "viewBox" in root.attrib and "width" not in root.attrib
    drawing = text.replace(css(), "")
    assert re.findall(r"#[0-9a-fA-F]{6}\b(?!\))", re.sub(r'href="#[^"]*"|url\(#[^)]*\)|id="[^"]*"', "", drawing)) == []
    assert "var(--muted)" in drawing


def test_a_figure_says_nothing_of_when_or_where_it_was_drawn():
    assert not re.search(r"\d{4}-\d{2}-\d{2}T|matplotlib.org|<metadata", DRAWN["truth"]())


def test_labels_are_text_not_outlines():
    assert "GRU &amp; co</text>" in DRAWN["story"]()


def test_figures_of_one_page_share_no_ids():
    ids = [set(re.findall(r' id="([^"]+)"', draw())) for draw in DRAWN.values()]
    assert sum(len(one) for one in ids) == len(set().union(*ids))


def test_every_colour_has_a_light_and_a_dark_form():
    assert all(light != dark for light, dark in COLOURS.values())
    assert len({light for light, _ in COLOURS.values()}) == len(COLOURS)


PAGE = Page(
    "A <title>",
    "kicker",
    Cell("GRU ships.", "good"),
    (Fact("Cost", "3 EUR", "naive 9 EUR"),),
    (
        Section(
            "Scores",
            ("A sentence.",),
            (
                Table("T", ("model", "RMSE"), (("GRU", "1|2"), (Cell("x", "strong"), Cell("failed", "bad"))), note="N"),
                Figure("pic", "<svg id='s'></svg>", "A caption"),
                Link("Docs", "docs/index.html"),
            ),
        ),
    ),
)


def test_html_is_one_page_without_scripts_or_network():
    html = to_html(PAGE)
    assert "<script" not in html and "http" not in html.replace("http://www.w3.org", "")
    assert "A &lt;title&gt;" in html and "<svg id='s'></svg>" in html
    assert "prefers-color-scheme:dark" in html


def test_markdown_says_the_same():
    text = to_markdown(PAGE)
    assert "| GRU | 1\\|2 |" in text and "| **x** | **failed** |" in text
    assert "![A caption](pic.svg)" in text and "[Docs](docs/index.html)" in text
    assert "![" not in to_markdown(PAGE, figures=False)


def test_the_terminal_shows_the_same_cells():
    out = io.StringIO()
    Console(file=out, width=80).print(to_terminal(PAGE.sections[0].blocks[0]))
    assert "failed" in out.getvalue() and "1|2" in out.getvalue()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.number(12.0), "12.0"),
        (words.number(0.000837), "0.000837"),
        (words.number(2.1e-7, 2), "2.1e-07"),
        (words.number(21114.2), "21,114"),
        (words.number(0), "0"),
        (words.number(None), "–"),
        (words.number(float("nan")), "–"),
        (words.number(-1.1), "-1.10"),
        (words.share(0.00017), "0.017%"),
        (words.share(0.64), "64.0%"),
        (words.share(1.0), "100%"),
        (words.size(900), "900 B"),
        (words.size(7253), "7.3 KB"),
        (words.money(15895.4, "EUR"), "15,895 EUR"),
        (words.label("gru"), "GRU"),
        (words.metric("some_new_metric"), "some new metric"),
    ],
)
def test_numbers_are_written_one_way(said, expected):
    assert said == expected
