"""The ingest report as a page: tables by channel and device, and figures of what is missing and for how long."""

from __future__ import annotations

from typing import Any

from pipelines.params import DatasetSpec
from pipelines.report.page import Cell, Fact, Figure, Page, Section, Table

WORST = 20
"""Devices in the table: those with the longest silences."""


def quality_page(name: str, dataset: DatasetSpec, report: dict[str, Any], found: dict[str, Any]) -> Page:
    """report: as `ingest` gives it; found: as `quality` gives it."""
    said = found["warnings"]
    verdict = Cell("; ".join(said), "bad") if said else Cell("enough data to learn from, nothing looks strange", "good")
    facts = (
        Fact("rows", f"{report['rows']:,}"),
        Fact("devices", f"{report['devices']:,}"),
        Fact("records", f"{report['records']:,}", "accepted + quarantined + duplicates"),
        Fact("quarantined", f"{report['quarantined']:,}", f"and {report['cells_quarantined']:,} cells"),
        Fact("duplicates", f"{report['duplicates']:,}"),
    )
    channels = channel_table(dataset, report, found)
    sections = (
        Section("Channels", blocks=(channels, _missing_figure(found))),
        Section("Channels by device", blocks=(cell_table(found),)),
        Section("Devices", blocks=(device_table(found), _gap_figure(found), _history_figure(found))),
    )
    return Page(dataset.title, f"ingest report of {name}", verdict, facts, sections)


def channel_table(dataset: DatasetSpec, report: dict[str, Any], found: dict[str, Any]) -> Table:
    """A line a channel."""
    columns = ("channel", "unit", "missing", "invalid", "out of range", "mean", "min", "max", "longest flat", "like")
    rows = []
    for name, one in found["channels"].items():
        figures = report["channels"][name]
        like = "constant" if one.get("constant") else "categories" if one.get("category_like") else ""
        numbers = ["–" if figures[key] is None else f"{figures[key]:.4g}" for key in ("mean", "min", "max")]
        share = figures["missing_share"]
        rows.append(
            (
                name,
                dataset.channels[name].unit,
                f"{share:.2%}",
                f"{one['invalid']:,}",
                f"{one['out_of_range']:,}",
                *numbers,
                f"{one.get('longest_flat', 0):,}",
                like,
            )
        )
    return Table("Channels", columns, tuple(rows), words=2, note="longest flat: rows of one equal value on one device")


def cell_table(found: dict[str, Any]) -> Table:
    """A line for each of the channels and devices with the most that is missing or was not believed."""
    columns = ("channel", "device", "measured", "missing", "invalid", "out of range", "longest flat")
    keys = ("measured", "missing", "invalid", "out_of_range", "longest_flat")
    rows = tuple((one["channel"], one["device"], *(f"{one[key]:,}" for key in keys)) for one in found["worst_cells"])
    note = "those with the most that is missing or not believed; all of them in cells.parquet"
    return Table("Channels by device", columns, rows, words=2, note=note)


def device_table(found: dict[str, Any]) -> Table:
    """A line for each of the devices with the longest silences."""
    columns = (
        "device",
        "rows",
        "days",
        "missing",
        "gaps",
        "longest gap",
        "period",
        "jitter",
        "out of order",
        "delay",
        "invalid",
        "twice",
    )
    ordered = sorted(found["devices"].items(), key=lambda item: (-item[1]["gap_longest_s"], item[0]))
    rows = tuple(
        (
            device,
            Cell(f"{one['rows']:,}", "bad" if one["short"] else ""),
            f"{one['days']:.1f}",
            f"{one['missing_share']:.2%}",
            f"{one['gaps']:,}",
            _seconds(one["gap_longest_s"]),
            _seconds(one["period_s"]),
            _seconds(one["jitter_s"]),
            f"{one['turned']:,}",
            _seconds(one["delay_s"]),
            f"{one['invalid'] + one['out_of_range']:,}",
            f"{one['duplicates'] + one['conflicts']:,}",
        )
        for device, one in ordered[:WORST]
    )
    note = f"the {len(rows)} of {len(ordered)} with the longest silences; all of them in quality.json"
    return Table("Devices", columns, rows, note=note)


def _seconds(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _missing_figure(found: dict[str, Any]) -> Figure:
    from pipelines.report.canvas import colour, panels, svg

    names = list(found["channels"])
    figure, (axis,) = panels(9.8, 1.2 + 0.22 * len(names))
    total = [max(one["measured"] + one["missing"], 1) for one in found["channels"].values()]
    shares = [100 * one["missing"] / all_ for one, all_ in zip(found["channels"].values(), total, strict=True)]
    axis.barh(names[::-1], shares[::-1], color=colour("accent"), height=0.6)
    axis.set(xlabel="missing, % of the rows")
    axis.grid(True, axis="x", color=colour("line"), linewidth=0.8)
    return Figure("missing", svg(figure, "missing", "Share missing by channel"), "Missing by channel", wide=True)


def _gap_figure(found: dict[str, Any]) -> Figure:
    from pipelines.report.canvas import colour, panels, svg

    some = [gap for gap in found["gaps"] if gap["gaps"]] or found["gaps"][:1]
    figure, (axis,) = panels(4.8, 3.4)
    axis.bar(
        [_seconds(gap["from_s"]) for gap in some], [gap["gaps"] for gap in some], color=colour("accent"), width=0.7
    )
    axis.set(xlabel="silences at least this long", ylabel="how many")
    axis.tick_params(axis="x", rotation=45)
    return Figure("gaps", svg(figure, "gaps", "Silences by length"), "Silences by length")


def _history_figure(found: dict[str, Any]) -> Figure:
    from pipelines.report.canvas import colour, panels, svg

    figure, (axis,) = panels(4.8, 3.4)
    axis.hist([one["days"] for one in found["devices"].values()], bins=20, color=colour("accent"))
    axis.set(xlabel="days of history", ylabel="devices")
    return Figure("history", svg(figure, "history", "History by device"), "History by device")
