"""The picture of the loop: money over time by policy, and below it what happened and how long until it was caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.report.canvas import colour, stack, svg

STYLES = (("accent", "-"), ("quiet", "-"), ("warm", "--"), ("bad", ":"))
DEEDS = {"published": ("good", "o"), "held": ("warm", "s"), "refused": ("bad", "x"), "failed": ("bad", "X")}
GAP = 0.115  # of the panel's height, between the names of two lines at least


@dataclass(frozen=True)
class Line:
    """A policy: what it had spent by each day, and the days on which it retrained. told: what its end is labelled."""

    name: str
    day: NDArray[np.float64]
    spent: NDArray[np.float64]
    retrained: tuple[float, ...]
    told: str


@dataclass(frozen=True)
class Mark:
    """Something that happened in the field. until: the day on which it was caught; None: it was not."""

    day: float
    label: str
    until: float | None
    right: bool = True


@dataclass(frozen=True)
class Deed:
    """What became of a retraining that was asked for: published, held, refused or failed."""

    day: float
    kind: str


def loop_figure(lines: Sequence[Line], marks: Sequence[Mark], deeds: Sequence[Deed], days: float, currency: str) -> str:
    """Money spent over days, a line a policy with a dot a retraining; below, a row a mark from when it began to when
    it was caught, and a row of what the loop did."""
    figure, (upper, lower) = stack(9.8, 5.6, (3.2, 0.3 * (len(marks) + 1) + 0.3))
    _money(upper, lines, days, currency)
    _story(lower, marks, deeds, days)
    return svg(figure, "loop", "Money spent by each way of retraining, and what was caught")


def _money(axis: Any, lines: Sequence[Line], days: float, currency: str) -> None:
    for line, (paint, style) in zip(lines, STYLES, strict=False):
        axis.plot(line.day, line.spent, color=colour(paint), linestyle=style, linewidth=1.9)
        at = np.interp(line.retrained, line.day, line.spent)
        axis.plot(line.retrained, at, "o", color=colour(paint), markersize=5)
    top = 1.05 * max((float(line.spent[-1]) for line in lines if len(line.spent)), default=1.0)
    axis.yaxis.set_major_formatter(lambda v, _: f"{v / 1e6:g} M" if v >= 1e6 else f"{v / 1e3:g} k" if v else "0")
    axis.set(ylabel=f"spent by the fleet, {currency}", ylim=(0, top), xlim=(0, days))
    axis.tick_params(labelbottom=False)
    ends = spread([float(line.spent[-1]) if len(line.spent) else 0.0 for line in lines], GAP * top)
    for line, (paint, _), height in zip(lines, STYLES, ends, strict=False):
        axis.annotate(
            line.told, (days, height), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9,
            color=colour(paint), annotation_clip=False,
        )  # fmt: skip


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved apart, in their order, until neighbours are `gap` apart; the lowest stays."""
    found = [0.0] * len(heights)
    last = -np.inf
    for place in sorted(range(len(heights)), key=lambda i: heights[i]):
        last = found[place] = max(heights[place], last + gap)
    return found


def _story(axis: Any, marks: Sequence[Mark], deeds: Sequence[Deed], days: float) -> None:
    axis.grid(False)
    for row, mark in enumerate(marks):
        paint = "bad" if mark.until is None else "good" if mark.right else "warm"
        end = days if mark.until is None else mark.until
        axis.plot((mark.day, end), (row, row), color=colour(paint), linewidth=2.2, solid_capstyle="round")
        axis.plot(mark.day, row, "|", color=colour(paint), markersize=9, markeredgewidth=2)
        said = "missed" if mark.until is None else f"{end - mark.day:.0f} d"
        if mark.until is not None:
            axis.plot(end, row, "o", color=colour(paint), markersize=5)
        place = {"xytext": (7, 0), "ha": "left"} if end < 0.93 * days else {"xytext": (-4, 6), "ha": "right"}
        axis.annotate(
            said, (end, row), textcoords="offset points", va="center", fontsize=8, color=colour(paint), **place
        )
    for deed in deeds:
        paint, marker = DEEDS[deed.kind]
        axis.plot(deed.day, len(marks), marker, color=colour(paint), markersize=6, clip_on=False)
    axis.set_yticks(range(len(marks) + 1), [*(mark.label for mark in marks), "the loop's retrainings"], fontsize=8.5)
    axis.set(xlabel="day", ylim=(len(marks) + 0.6, -0.7), xlim=(0, days))
