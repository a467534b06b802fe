"""The picture of the loop: money over time by policy, what happened, and when each policy retrained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.report.canvas import colour, legend, panels, svg

STYLES = (("accent", "-"), ("quiet", "-"), ("warm", "--"), ("bad", ":"))


@dataclass(frozen=True)
class Line:
    """A policy: what it had spent by each day, and the days on which it retrained."""

    name: str
    day: NDArray[np.float64]
    spent: NDArray[np.float64]
    retrained: tuple[float, ...]


@dataclass(frozen=True)
class Mark:
    """Something that happened in the field."""

    day: float
    label: str


def loop_figure(lines: Sequence[Line], marks: Sequence[Mark], currency: str) -> str:
    """Money spent over days, a line a policy with a dot a retraining; a vertical line a mark, numbered in order."""
    figure, (axis,) = panels(9.8, 4.4)
    for number, mark in enumerate(marks, 1):
        axis.axvline(mark.day, color=colour("line"), linewidth=1.2)
        axis.annotate(
            str(number), (mark.day, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8,
            color=colour("muted"),
        )  # fmt: skip
    for line, (paint, style) in zip(lines, STYLES, strict=False):
        axis.plot(line.day, line.spent, color=colour(paint), linestyle=style, linewidth=1.8, label=line.name)
        at = np.interp(line.retrained, line.day, line.spent)
        axis.plot(line.retrained, at, "o", color=colour(paint), markersize=5)
    axis.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
    axis.set(xlabel="day", ylabel=f"spent by the fleet, {currency}", ylim=(0, None))
    legend(axis, loc="upper left", bbox_to_anchor=(0.01, 0.98), ncols=1)
    return svg(figure, "loop", "Money spent by each way of retraining")
