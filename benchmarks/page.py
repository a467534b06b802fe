"""docs/benchmarks.md and its figure, from what the benchmarks last recorded: `python -m benchmarks.page`.

Every figure with a goal is shown as how many times better than its goal it is; what misses stands there like the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, Figure
from pipelines.files import write_bytes
from pipelines.report.canvas import colour, panels, svg

DOCS = FOLDER.parents[1] / "docs"
WIDEST = 64.0  # times better than a goal; what is beyond is drawn at the edge
HEAD = """# What was measured

![How many times better than its goal each figure is](benchmarks.svg)

`make bench` (all of it, hours) or `make bench-NAME` measures anew; this page is written from `benchmarks/results` by
`make readme`. Peers are in their best idiomatic form, in the same run, on the same bytes, with the same threads,
outputs checked equal; CPU-seconds decide. The goals were set before the work. Times and sizes are of the machine named
above each table; ratios travel better.
"""


@dataclass(frozen=True)
class Found:
    """One benchmark's figures and the machine they were found on."""

    name: str
    machine: dict[str, Any]
    figures: tuple[Figure, ...]


def main() -> None:
    found = read()
    write_bytes(DOCS / "benchmarks.md", page(found).encode())
    write_bytes(DOCS / "benchmarks.svg", picture(found).encode())


def read(folder: Path = FOLDER) -> list[Found]:
    """What each benchmark recorded, by name."""
    told = [(path.stem, json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
    return [Found(name, it["machine"], tuple(Figure(**entry) for entry in it["figures"])) for name, it in told]


def page(found: Sequence[Found]) -> str:
    """The page as Markdown: a table a benchmark, what misses its goal in bold."""
    return "\n".join([HEAD, *("\n".join(_section(each)) for each in found)])


def _section(found: Found) -> list[str]:
    machine = found.machine
    reached = [figure.reached for figure in found.figures if figure.reached is not None]
    lines = [
        f"## {found.name}",
        "",
        f"{sum(reached)} of {len(reached)} goals reached. {machine['system']}, {machine['cpu']}, {machine['cores']} "
        f"cores, Python {machine['python']}, load {machine['load']} at the end.",
        "",
        "| figure | measured | goal | stretch | reached |",
        "|---|---:|---:|---:|---|",
    ]
    for figure in found.figures:
        told = {None: "", True: "yes", False: "**no**"}[figure.reached]
        cells = (figure.name, f"{_short(figure.value)} {figure.unit}", _limit(figure, figure.goal),
                 _limit(figure, figure.stretch), told)  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _limit(figure: Figure, limit: float | None) -> str:
    if limit is None:
        return ""
    return f"{'≤' if figure.better == 'lower' else '≥'} {_short(limit)}"


def _short(value: float) -> str:
    if 0 < abs(value) < 0.1:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def picture(found: Sequence[Found]) -> str:
    """The figure: a dot a goal, to the right of the line where it is reached."""
    rows = [(each.name, figure) for each in found for figure in each.figures if times_better(figure) is not None]
    figure, (axis,) = panels(9.8, 0.6 + 0.17 * len(rows))
    for at, (_, each) in enumerate(rows):
        times = min(max(times_better(each) or 0.0, 1 / WIDEST), WIDEST)
        paint = colour("good" if each.reached else "bad")
        axis.plot([1, times], [at, at], color=paint, linewidth=1.2, alpha=0.5)
        axis.plot([times], [at], "o", color=paint, markersize=4)
    axis.axvline(1, color=colour("ink"), linewidth=1)
    axis.set_xscale("log", base=2)
    ticks = [0.5, 1, 2, 4, 8, 16, 32, 64]
    axis.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axis.set_yticks(range(len(rows)), [f"{name} · {each.name}" for name, each in rows], fontsize=6.5)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel("times better than the goal")
    return svg(figure, "benchmarks", "How many times better than its goal each figure is")


def times_better(figure: Figure) -> float | None:
    """How many times better than its goal a figure is; None without a goal, or where that is no ratio."""
    if figure.goal is None or figure.goal <= 0 or figure.value <= 0:
        return None
    return figure.goal / figure.value if figure.better == "lower" else figure.value / figure.goal


if __name__ == "__main__":
    main()
