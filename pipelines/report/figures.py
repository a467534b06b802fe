"""The figures of model cards and reports. Each takes plain arrays and gives SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.report.canvas import colour, legend, panels, svg

Array = NDArray[np.floating]
MODEL_COLOURS = {"naive": "quiet", "baseline": "warm", "sequence": "accent"}
FEW = 20
"""Rows below which a mean says nothing."""
POINTS = 1200
"""Points a scatter draws at most: more only make the file heavy."""


@dataclass(frozen=True)
class Scored:
    """One model's answers beside what they are drawn against; x, y: (n,)."""

    model: str  # a key of MODEL_COLOURS
    label: str
    x: Array
    y: Array


def truth_against_prediction(scored: Sequence[Scored], unit: str, band: float | None = None) -> str:
    """A panel a model: prediction (y) over truth (x), the diagonal, and the conformal band of that half width."""
    figure, axes = panels(9.8, 9.8 / len(scored) + 0.35, len(scored))
    top = max(float(max(s.x.max(), s.y.max())) for s in scored)
    for axis, one in zip(axes, scored, strict=True):
        ends = np.array([0.0, top])
        if band is not None:
            axis.fill_between(ends, ends - band, ends + band, color=colour("accent"), alpha=0.08, linewidth=0)
        axis.plot(ends, ends, color=colour("quiet"), linewidth=1)
        x, y = _thinned(one.x, one.y)
        axis.scatter(x, y, s=20, color=colour(MODEL_COLOURS[one.model]), alpha=0.7, linewidths=0)
        axis.set(
            title=one.label, xlabel=f"truth, {unit}", xlim=(-0.03 * top, 1.04 * top), ylim=(-0.03 * top, 1.04 * top)
        )
        axis.grid(True, axis="x", color=colour("line"), linewidth=0.8)
    axes[0].set_ylabel(f"prediction, {unit}")
    return svg(figure, "truth", "Prediction against truth")


def score_before_failure(scored: Sequence[Scored], horizon: float, period: str) -> str:
    """Median score (line) and its 10-90 % band by periods left to failure; the shaded part is within the horizon."""
    figure, (axis,) = panels(4.8, 3.9)
    axis.axvspan(0, horizon, color=colour("bad"), alpha=0.06, linewidth=0)
    far = max(4.5 * horizon, 1.0)
    edges = np.linspace(0, far, 37)
    for one in scored:
        centre, low, middle, high = _bands(one.x, one.y, edges)
        paint = colour(MODEL_COLOURS[one.model])
        axis.fill_between(centre, low, high, color=paint, alpha=0.15, linewidth=0)
        axis.plot(centre, middle, color=paint, linewidth=2, label=one.label)
    axis.set(xlim=(far, 0), ylim=(-0.02, 1.02), xlabel=f"{period}s to failure", ylabel="score (median, 10-90 %)")
    legend(axis)
    return svg(figure, "life", "Score before failure")


def reliability(scored: Sequence[Scored]) -> str:
    """Observed share of failures (y) over the predicted probability (x), in ten bins; bins of few rows are left out."""
    figure, (axis,) = panels(4.8, 3.9)
    axis.plot([0, 1], [0, 1], color=colour("quiet"), linewidth=1)
    for one in scored:
        place = np.minimum((one.x * 10).astype(np.int64), 9)
        bins = [place == b for b in range(10) if (place == b).sum() >= FEW]
        said, seen = ([float(v[b].mean()) for b in bins] for v in (one.x, one.y))
        axis.plot(
            said, seen, "o-", color=colour(MODEL_COLOURS[one.model]), markersize=4, linewidth=1.5, label=one.label
        )
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted probability", ylabel="observed share")
    legend(axis)
    return svg(figure, "reliability", "Reliability")


def error_by_device(devices: Sequence[str], errors: Mapping[str, tuple[str, Array]], unit: str) -> str:
    """A dot a device and model, sorted by the last model's error. errors: model -> (label, (n,) error)."""
    figure, (axis,) = panels(9.6, 3.7)
    last = list(errors.values())[-1][1]
    order = np.argsort(-last, kind="stable")[: max(POINTS // 10, 1)]
    x = np.arange(len(order))
    for model, (label, error) in errors.items():
        axis.scatter(x, error[order], s=22, color=colour(MODEL_COLOURS[model]), linewidths=0, label=label, alpha=0.9)
    few = len(order) <= 30
    axis.set_xticks(x if few else [], [devices[i] for i in order] if few else [], rotation=60, ha="right")
    axis.set_ylim(bottom=0)
    axis.set(ylabel=unit, xlabel="" if few else f"{len(order)} devices, worst first")
    legend(axis)
    return svg(figure, "devices", "Error by device")


def importance(found: Sequence[tuple[str, str, Mapping[str, float]]], top: int = 12) -> str:
    """A panel a model of its most important features. found: (model, label, share by feature, largest first)."""
    figure, axes = panels(4.9 * len(found), 3.9, len(found))
    for axis, (model, label, shares) in zip(axes, found, strict=True):
        names, values = list(shares)[:top][::-1], list(shares.values())[:top][::-1]
        axis.barh(names, values, color=colour(MODEL_COLOURS[model]), height=0.62, linewidth=0)
        axis.grid(False)
        axis.grid(True, axis="x", color=colour("line"), linewidth=0.8)
        axis.tick_params(axis="y", labelcolor=colour("ink"))
        axis.xaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
        axis.set(title=label, xlabel="share")
    return svg(figure, "importance", "Importance")


def likeness(names: Sequence[str], r: Array) -> str:
    """A square a pair of features, the darker the nearer their |correlation| r (n, n) is to 1."""
    figure, (axis,) = panels(7.2, 6.4)
    for i in range(len(names)):
        for j in range(len(names)):
            shade = float(r[i, j])
            axis.broken_barh([(j + 0.05, 0.9)], (i + 0.05, 0.9), color=colour("accent"), alpha=shade, linewidth=0)
    middle = np.arange(len(names)) + 0.5
    axis.set_xticks(middle, names, rotation=90)
    axis.set_yticks(middle, names)
    axis.grid(False)
    axis.tick_params(labelcolor=colour("ink"))
    axis.set(xlim=(0, len(names)), ylim=(len(names), 0))
    return svg(figure, "likeness", "How alike features are")


def shares_missing(names: Sequence[str], missing: Array) -> str:
    """A bar a feature: the share of rows in which it is missing; names and missing (n,), the largest first."""
    figure, (axis,) = panels(7.2, 0.9 + 0.24 * len(names))
    axis.barh(list(names)[::-1], missing[::-1], color=colour("quiet"), height=0.62, linewidth=0)
    axis.grid(False)
    axis.grid(True, axis="x", color=colour("line"), linewidth=0.8)
    axis.tick_params(axis="y", labelcolor=colour("ink"))
    axis.xaxis.set_major_formatter(lambda v, _: f"{v:.1%}")
    axis.set(xlabel="share of rows without a value")
    return svg(figure, "missing", "Missing values")


def training_curves(curves: Sequence[tuple[str, str, Mapping[str, tuple[Array, Array]]]]) -> str:
    """A panel a model. curves: (model, label with its x axis, split -> (step, loss))."""
    figure, axes = panels(4.9 * len(curves), 3.4, len(curves))
    for axis, (model, label, splits) in zip(axes, curves, strict=True):
        for split, (step, loss) in splits.items():
            style = "-" if split == "train" else (0, (4, 2))
            paint = colour(MODEL_COLOURS[model]) if split == "train" else colour("ink")
            axis.plot(step, loss, linestyle=style, color=paint, linewidth=1.8, label=split)
        axis.set(title=label, xlabel="step")
        axis.title.set_position((0.5, 1.1))
        legend(axis, loc="upper right", bbox_to_anchor=(1.0, 1.0), ncols=1)
    axes[0].set_ylabel("loss")
    return svg(figure, "curves", "Training curves")


def cost_curves(curves: Sequence[tuple[str, str, Array, Array, float]], xlabel: str, currency: str) -> str:
    """Cost a device over the threshold, with the chosen one. curves: (model, label, threshold, cost, chosen)."""
    figure, (axis,) = panels(9.6, 3.3)
    top = 1.25 * max(float(np.median(cost)) for *_, cost, _ in curves)
    for model, label, threshold, cost, chosen in curves:
        paint = colour(MODEL_COLOURS[model])
        axis.plot(threshold, cost, color=paint, linewidth=1.8, label=label, drawstyle="steps-mid")
        axis.plot([chosen], [float(cost.min())], "o", color=paint, markersize=7)
    axis.yaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
    axis.set(xlabel=xlabel, ylabel=f"cost a device, {currency}", ylim=(0, top))
    legend(axis)
    return svg(figure, "cost", "Cost over the threshold")


def one_device(
    unit: str, scored: Sequence[Scored], thresholds: Mapping[str, float], failures: Array, ylabel: str
) -> str:
    """One device's scores over time in `unit` (x), the thresholds (dashed) and its failures."""
    figure, (axis,) = panels(9.6, 3.5)
    for i, at in enumerate(failures):
        axis.axvline(at, color=colour("bad"), linewidth=1.4, label="failure" if i == 0 else None)
    for one in scored:
        paint = colour(MODEL_COLOURS[one.model])
        axis.plot(*_broken(one.x, one.y), color=paint, linewidth=1.2, label=one.label)
        axis.axhline(thresholds[one.model], color=paint, linewidth=1, linestyle=(0, (4, 3)))
    end = max(float(scored[0].x.max()), float(failures.max()) if len(failures) else 0.0)
    axis.set(xlabel=unit, ylabel=ylabel, xlim=(float(scored[0].x.min()), 1.01 * end))
    legend(axis)
    return svg(figure, "device", "One device's scores")


def cheating(honest: float, random_rows: float, measure: str) -> str:
    """The score on what was held out beside the one that a random split of rows would tell."""
    figure, (axis,) = panels(4.8, 2.2)
    names, values = ["rows at random", "held out"], [random_rows, honest]
    bars = axis.barh(names, values, color=[colour("quiet"), colour("accent")], height=0.55, linewidth=0)
    axis.bar_label(bars, fmt="%.3g", padding=4, color=colour("ink"))
    axis.grid(False)
    axis.tick_params(axis="y", labelcolor=colour("ink"))
    axis.set(xlabel=f"{measure} (lower is better)", xlim=(0, 1.15 * max(values)))
    return svg(figure, "cheating", "What cheating would gain")


def _bands(x: Array, y: Array, edges: Array) -> tuple[Array, Array, Array, Array]:
    """Bin centres and the 10, 50 and 90 % quantiles of y in each bin of x that has values."""
    place = np.digitize(x, edges) - 1
    bins = [b for b in range(len(edges) - 1) if (place == b).any()]
    quantiles = np.array([np.quantile(y[place == b], [0.1, 0.5, 0.9]) for b in bins]).reshape(-1, 3)
    centre = np.array([(edges[b] + edges[b + 1]) / 2 for b in bins])
    return centre, quantiles[:, 0], quantiles[:, 1], quantiles[:, 2]


def _broken(x: Array, y: Array) -> tuple[Array, Array]:
    """The same line, interrupted where nothing was scored for more than six rows."""
    steps = np.diff(x)
    gaps = np.flatnonzero(steps > 6 * np.median(steps)) + 1 if len(steps) else np.empty(0, dtype=np.int64)
    return np.insert(x, gaps, np.nan), np.insert(y.astype(np.float64), gaps, np.nan)


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """At most POINTS points, evenly taken."""
    keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(np.int64))
    return x[keep], y[keep]
