"""The timeline of a statistic that alarmed, as a figure of the report."""

from __future__ import annotations

from typing import Any

from pipelines.report.colours import COLOURS


def drawn(told: Any) -> Any:
    """A plotly figure: deviation over time, the limit, and which of the judged windows lie beyond it.

    told: times, deviations (null sd), limit, rises, and judged: how many of the last were judged.
    """
    from plotly import graph_objects  # type: ignore[import-untyped]

    ink = {name: pair[0] for name, pair in COLOURS.items()}
    sign = 1.0 if told.rises else -1.0
    begin = len(told.times) - told.judged
    beyond = [sign * z > told.limit and i >= begin for i, z in enumerate(told.deviations)]
    colours = [ink["bad"] if hit else ink["accent"] if i >= begin else ink["quiet"] for i, hit in enumerate(beyond)]
    marks = {"color": colours, "size": [11 if i >= begin else 7 for i in range(len(beyond))]}
    figure = _plain(graph_objects.Figure(), "null sd from the reference")
    figure.add_scatter(
        x=told.times, y=told.deviations, mode="lines+markers", marker=marks, line={"color": ink["quiet"]}
    )
    words = f"limit {told.limit:.1f}: {sum(beyond)} of the newest {told.judged} windows beyond it"
    figure.add_hline(y=sign * told.limit, line={"color": ink["bad"], "dash": "dash"}, annotation_text=words)
    figure.add_hline(y=0.0, line={"color": ink["line"]})
    return figure


def drawn_performance(told: Any) -> Any:
    """A plotly figure: the loss estimated (line, band of two errors) and measured (dots) by window."""
    from plotly import graph_objects

    ink = {name: pair[0] for name, pair in COLOURS.items()}
    figure = _plain(graph_objects.Figure(), told.loss)
    known = [(t, e) for t, e in zip(told.times, told.estimated, strict=True) if e is not None]
    times, middle = [t for t, _ in known], [e for _, e in known]
    for edge, fill in ((2.0, None), (-2.0, "tonexty")):
        line, y = {"width": 0}, [e + edge * told.error for e in middle]
        figure.add_scatter(
            x=times, y=y, mode="lines", line=line, fill=fill, fillcolor="rgba(37,99,201,.12)", showlegend=False
        )
    figure.add_scatter(x=times, y=middle, mode="lines", line={"color": ink["accent"]}, name="estimated")
    measured = {"color": ink["warm"], "size": 9}
    figure.add_scatter(x=told.times, y=told.real, mode="markers", marker=measured, name="measured")
    return figure.update_layout(showlegend=True)


def _plain(figure: Any, ylabel: str) -> Any:
    figure.update_layout(
        height=340,
        showlegend=False,
        plot_bgcolor=COLOURS["panel"][0],
        margin={"l": 50, "r": 20, "t": 20, "b": 40},
        yaxis_title=ylabel,
        xaxis_title="end of window (UTC)",
    )
    return figure
