"""A lap as people read it: tables in the terminal, one HTML page. Reads files only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.files import Place, write_bytes
from pipelines.report import figures
from pipelines.report import lap_content as content
from pipelines.report.lap_files import Lap, read_lap
from pipelines.report.page import Cell, Fact, Figure, Link, Page, Section
from pipelines.report.render import to_html, to_terminal
from pipelines.report.words import metric, micros, money, number, size

CAPTIONS = {
    "truth": "How answers follow the truth on the test devices.",
    "reliability": "What was predicted against what happened, test rows.",
    "cost": "Cost a device over the threshold, calibration side; the dot is the one chosen.",
    "story": "One test device: scores, thresholds (dashed) and failures (red).",
    "devices": "Error of each test device.",
    "importance": "Share of each feature in what a model learnt.",
    "curves": "Loss while training.",
}
"""The card's figures, in the report's order."""
HALF = ("reliability",)


def lap_tables(place: Place, use_case: str) -> list[Any]:
    """Renderables for rich's console: scores, gates, size and latency, and the sentence that says what ships and why.

    Raises DataError naming the next step where the use case was not evaluated.
    """
    from rich.padding import Padding
    from rich.text import Text

    lap = read_lap(place, use_case)
    tables = [content.scores_table(lap), content.gates_table(lap)]
    if lap.export.get("models"):
        tables.append(content.sizes_table(lap))
    said = verdict(lap)
    style = "bold green" if said.tone == "good" else "bold red"
    return [*(to_terminal(table) for table in tables), Padding(Text(said.text, style=style), (0, 0, 1, 0))]


def write_report(place: Place, use_case: str) -> Path:
    """Write .fleetloop/<use case>/report.html, one page without scripts; its path."""
    lap = read_lap(place, use_case)
    path = place.untracked(use_case, "report").with_suffix(".html")
    write_bytes(path, to_html(lap_page(lap, _links(place, lap, path.parent))).encode())
    return path


def verdict(lap: Lap) -> Cell:
    """What ships and why, or why nothing does."""
    refused = lap.refused
    return Cell(lap.export["sentence"], "good") if refused is None else Cell(f"Nothing ships: {refused}.", "bad")


def lap_page(lap: Lap, links: tuple[Link, ...]) -> Page:
    """The page of one lap."""
    sections = [
        Section("Scores", (), (content.scores_table(lap), *_figures(lap, "truth", "reliability"))),
        Section("Gates", (), (content.gates_table(lap),)),
    ]
    if lap.export.get("models"):
        sections.append(
            Section("Export", tuple(_precision(lap)), (content.choice_table(lap), content.sizes_table(lap)))
        )
    sections.append(Section("Decisions", (), _figures(lap, "cost", "story")))
    folds = (content.folds_table(lap),) if lap.folds else ()
    sections.append(Section("Models", (), (*folds, *_figures(lap, "devices", "importance", "curves"))))
    sections.append(Section("Data", (), tuple(_data(lap))))
    sections.append(Section("More", (), links))
    kicker = f"Lap report · use case {lap.use_case} · dataset {lap.case.dataset}"
    return Page(lap.case.title, kicker, verdict(lap), tuple(_facts(lap)), tuple(s for s in sections if s.blocks))


def _figures(lap: Lap, *names: str) -> tuple[Figure, ...]:
    there = [name for name in names if name in lap.pictures]
    half = "reliability" in lap.pictures
    wide = {name: name not in HALF and not (name == "truth" and half) for name in there}
    return tuple(Figure(name, lap.pictures[name], CAPTIONS[name], wide[name]) for name in there)


def _precision(lap: Lap) -> Iterator[str]:
    for name, model in lap.export["models"].items():
        yield f"{lap.kinds[name]} as {model['precision']}: {model['reason']}."


def _data(lap: Lap) -> Iterator[Any]:
    if lap.ingest:
        yield content.accounting_table(lap)
    if lap.split:
        yield content.sides_table(lap)
        yield content.audit_table(lap)
        yield from _cheating(lap)
    if lap.validate:
        yield content.checks_table("Data contract", lap.validate["tables"])


def _cheating(lap: Lap) -> Iterator[Figure]:
    found = lap.split["audit"]["cheating"]
    if found["difference"] is not None:
        drawn = figures.cheating(found["honest"], found["random_rows"], metric(found["measure"]))
        yield Figure("cheating", drawn, "One model, one set of train rows: what a random split of them would tell.")


def _facts(lap: Lap) -> Iterator[Fact]:
    if lap.refused is not None:
        failed = sum(not row["passed"] for row in lap.gates["rows"])
        yield Fact("Gates failed", f"{failed} of {len(lap.gates['rows'])}")
        return
    name, form = lap.export["chosen"], lap.export["precision"]
    test, naive = lap.metrics[name]["test"], lap.metrics["naive"]["test"]
    primary, currency = lap.case.task.primary, lap.case.decision.currency
    fallback = lap.export["fallback"]
    yield Fact("Ships", lap.kinds[name], f"{form}; fallback: {lap.kinds[fallback] if fallback else 'none'}")
    shipped = lap.export["models"][name]["test"][form].get(primary)
    yield Fact(_capital(metric(primary)), number(shipped), f"naive {number(naive.get(primary))}")
    cost = money(test["cost_per_device"], currency)
    yield Fact("Cost a device", cost, f"naive {money(naive['cost_per_device'], currency)}")
    yield Fact("Failures warned in time", content.warned(test), "test devices")
    took = lap.latency.get("models", {}).get(name, {}).get(form, {})
    yield Fact("Model", size(lap.export["models"][name]["bytes"][form]), f"p50 {micros(took.get('p50_us'))} an answer")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _links(place: Place, lap: Lap, below: Path) -> tuple[Link, ...]:
    """Ways to what lies beside, as far as it is there; relative, so that the folder may move."""
    found = {
        "Model card": place.room(lap.use_case, "evaluate") / "card" / "index.html",
        "Features: like what, and of what use": place.room(lap.use_case, "evaluate") / "features" / "index.html",
        "Data Docs of the contract": place.untracked(lap.case.dataset, "validate") / "docs" / "index.html",
        "Bundle manifest": place.room(lap.use_case, "export") / "bundle" / "manifest.json",
    }
    return tuple(Link(text, os.path.relpath(path, below)) for text, path in found.items() if path.is_file())
