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
    figure = graph_objects.Figure()
    figure.add_scatter(
        x=told.times, y=told.deviations, mode="lines+markers", marker=marks, line={"color": ink["quiet"]}
    )
    words = f"limit {told.limit:.1f}: {sum(beyond)} of the newest {told.judged} windows beyond it"
    figure.add_hline(y=sign * told.limit, line={"color": ink["bad"], "dash": "dash"}, annotation_text=words)
    figure.add_hline(y=0.0, line={"color": ink["line"]})
    figure.update_layout(
        height=340,
        showlegend=False,
        plot_bgcolor=ink["panel"],
        margin={"l": 50, "r": 20, "t": 20, "b": 40},
        yaxis_title="null sd from the reference",
        xaxis_title="end of window (UTC)",
    )
    return figure
