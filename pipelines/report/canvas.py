"""The paper that figures are drawn on: SVG whose colours are CSS variables, the same bytes for the same data.

matplotlib draws in the light colours; each colour is then written as its variable, so one file serves light and
dark, inside a page and on its own.
"""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pipelines.report.colours import COLOURS, css

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_UNIT = 100.0  # pixels of the drawing an inch


def colour(name: str) -> str:
    """The light colour that stands for the variable `--name` until the SVG is written."""
    return COLOURS[name][0]


def panels(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Any]]:
    """A figure of width x height (hundreds of pixels) with that many panels side by side, in the house style."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for axis in axes:
        _style(axis)
    return figure, axes


def stack(width: float, height: float, ratios: tuple[float, ...]) -> tuple[Figure, list[Any]]:
    """The same with panels one below the other, their heights in these ratios."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = list(figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0])
    for axis in axes:
        _style(axis)
    return figure, axes


def _style(axis: Any) -> None:
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(colour("line"))
    axis.set_facecolor("none")
    axis.grid(True, axis="y", color=colour("line"), linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=colour("muted"), length=0, labelsize=9, pad=5)
    for label in (axis.xaxis.label, axis.yaxis.label):
        label.set_color(colour("muted"))
        label.set_size(9.5)
    axis.title.set_color(colour("ink"))
    axis.title.set_size(10.5)


def legend(axis: Any, **options: Any) -> None:
    """A legend without frame, above the panel unless `loc` says otherwise."""
    place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0), "ncols": 4} | options
    made = axis.legend(
        frameon=False, fontsize=9, handlelength=1.4, columnspacing=1.4, handletextpad=0.5, borderaxespad=0.2, **place
    )
    for text in made.get_texts():
        text.set_color(colour("ink"))


def svg(figure: Figure, name: str, title: str) -> str:
    """The figure as text. name: its salt, so that ids of two figures in one page differ. title: for screen readers."""
    options = {"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "DejaVu Sans"}
    buffer = io.StringIO()
    with matplotlib.rc_context(options):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _themed(buffer.getvalue(), name, title)


def _themed(text: str, name: str, title: str) -> str:
    text = text[text.index("<svg ") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(<g id=")', rf"\1{name}-", text)
    text = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", FONT.replace("'", "&apos;"), text)
    for variable, pair in COLOURS.items():
        text = re.sub(re.escape(pair[0]), f"var(--{variable})", text, flags=re.IGNORECASE)
    text = re.sub(r'(<svg [^>]*?) ?width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg [^>]*?) ?height="[^"]*"', r"\1", text, count=1)
    head = f"<title>{_escaped(title)}</title><style>{css()}</style>"
    return re.sub(r"(<svg [^>]*?)>", rf'\1 role="img">{head}', text, count=1)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\\", "")
