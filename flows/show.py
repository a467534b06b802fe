"""What a run leaves to look at on its page in Prefect's UI: artifacts, with links to the papers that it kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact

from flows.governor import Answer, Drift
from flows.papers import changed_stages, keep_papers, lock_change, lock_path, pages, url_of
from flows.why import Why
from pipelines.files import Place
from pipelines.report.words import metric, number

if TYPE_CHECKING:
    from flows.progress import Lap

_LOCK_LINES = 200  # of dvc.lock's change that the page shows; the whole is one `dvc diff` away
_FIGURES = ("truth", "reliability", "cost", "story")


def show_report(lap: Lap, use_case: str) -> tuple[str, str]:
    """Write the report, keep the papers, make the artifacts; the ending's name and a sentence.

    "Skipped" where nothing was evaluated. A refusal still has a report: it is where one reads why. Raises DataError
    where a file of the lap is missing.
    """
    place = Place(lap.root)
    gates = place.room(use_case, "evaluate") / "gates.json"
    if not gates.exists():
        return "Skipped", "nothing was evaluated, so there is nothing to report"
    from pipelines.params import load_params
    from pipelines.report.lap import write_report

    page = write_report(place, use_case)
    dataset = load_params(lap.root).use_case(use_case).dataset
    change = lock_change(lap.lock_before, _lock_now(lap))
    papers = keep_papers(lap.root, lap.home, lap.why.run, use_case, dataset, change)
    _contract(lap.root, use_case, dataset)
    _gates(use_case, gates)
    _scores(place, use_case)
    _comparison(lap, use_case)
    _figures(lap.home, papers, use_case)
    _lock(lap, use_case, change)
    _about(lap, papers, use_case, dataset)
    return "Ran", f"report: {page}"


def show_decision(use_case: str, why: Why, answer: Answer, waiting: Iterable[Drift] = ()) -> None:
    """What the governor said, to whom, and which drifts wait for the run, each with its Evidently report."""
    verdict = "admitted" if answer.admitted else f"declined ({answer.rule})"
    lines = [f"**{verdict}**: {answer.reason}", "", f"cause: {why.cause}"]
    lines += [f"- {drift.about} ([Evidently report]({drift.judgement}))" for drift in waiting]
    create_markdown_artifact("\n".join(lines), key=_key(use_case, "governor"), description="The governor's decision")


def _comparison(lap: Lap, use_case: str) -> None:
    """The candidate beside the champion, where they were compared."""
    from flows.publish import comparison_path

    path = comparison_path(Place(lap.root), use_case)
    if not path.exists():
        return
    found: dict[str, Any] = json.loads(path.read_text())
    one, other = found["candidate"], found["champion"]
    name = metric(found["measure"])
    rows = [
        _beside(name, one["loss"], other["loss"]),
        {"figure": f"{name}: difference, 95 %", "candidate": f"{number(found['low'])} to {number(found['high'])}"},
        _beside("cost a device", one["cost"], other["cost"]),
        _beside("failures warned in time", one["warned"], other["warned"]),
        {"figure": "rows, devices", "candidate": f"{found['rows']:,}, {found['devices']}"},
    ]
    champion = f"champion (release {found['version']})"
    told = [{"figure": r["figure"], "candidate": r["candidate"], champion: r.get("champion", "")} for r in rows]
    create_table_artifact(told, key=_key(use_case, "against-champion"), description=found["sentence"])


def _beside(figure: str, candidate: float | None, champion: float | None) -> dict[str, str]:
    return {"figure": figure, "candidate": number(candidate), "champion": number(champion)}


def _about(lap: Lap, papers: Path, use_case: str, dataset: str) -> None:
    """Parameters, cause, data, and links to the papers."""
    facts = {"cause": lap.why.cause, "run by": lap.why.facts().get("by", "")}
    where = str(lap.root.relative_to(lap.home)) if lap.root != lap.home else "the checkout itself"
    facts |= {"dataset": dataset, "made in": where, "compared with the champion": "no" if lap.replace else "yes"}
    there = Place(papers)
    links = {
        "Lap report": there.untracked(use_case, "report").with_suffix(".html"),
        "Model card": there.room(use_case, "evaluate") / "card" / "card.md",
        "Data Docs of the contract": there.untracked(dataset, "validate") / "docs" / "index.html",
        "Comparison in figures": there.untracked(use_case, "release") / "comparison.json",
        "Change of dvc.lock": lock_path(papers, use_case),
    }
    lines = [f"# {use_case}", "", f"| use case | {use_case} |", "|---|---|"]
    lines += [*(f"| {name} | {value} |" for name, value in facts.items()), ""]
    lines += [f"- [{name}]({url_of(lap.home, path)})" for name, path in links.items() if path.exists()]
    lines += [f"- [Evidently report of the newest judgement]({url})" for url in _newest_judgement(lap.home, use_case)]
    create_markdown_artifact("\n".join(lines), key=_key(use_case, "report"), description="The run, and its papers")


def _newest_judgement(home: Path, use_case: str) -> list[str]:
    folder = pages(home) / "watch" / use_case
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdigit()] if folder.is_dir() else []
    return [url_of(home, folder / str(max(numbers)) / "report.html")] if numbers else []


def _contract(root: Path, use_case: str, dataset: str) -> None:
    """The verdict on the dataset's contract, where there is one."""
    from pipelines.errors import DataError
    from pipelines.validate import Verdict, read_verdict

    try:
        verdict = Verdict.from_dict(dataset, read_verdict(Place(root), dataset))
    except DataError:
        return
    create_markdown_artifact(verdict.markdown(), key=_key(use_case, "contract"), description=f"Contract of {dataset}")


def _gates(use_case: str, path: Path) -> None:
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
    told = [{"verdict": "passed" if row["passed"] else "failed", "because": row["reason"]} for row in rows]
    create_table_artifact(told, key=_key(use_case, "gates"), description=f"Gates of {use_case}")


def _scores(place: Place, use_case: str) -> None:
    """One row a model, its test metrics as columns."""
    from pipelines.report.lap_files import read_lap

    lap = read_lap(place, use_case)
    rows = [
        {"model": name} | {metric(key): number(value) for key, value in _flat(lap.metrics[model]["test"]).items()}
        for model, name in lap.kinds.items()
        if isinstance(lap.metrics.get(model, {}).get("test"), dict)
    ]
    create_table_artifact(rows, key=_key(use_case, "scores"), description=f"Scores of {use_case} on the test side")


def _figures(home: Path, papers: Path, use_case: str) -> None:
    """The card's figures as pictures, where a browser can reach them."""
    for name in _FIGURES:
        path = Place(papers).room(use_case, "evaluate") / "card" / f"{name}.svg"
        url = url_of(home, path)
        if path.exists() and url.startswith("http"):
            create_image_artifact(url, key=_key(use_case, f"figure-{name}"), description=f"{use_case}: {name}")


def _lock_now(lap: Lap) -> str:
    path = lap.root / "dvc.lock"
    return path.read_text() if path.exists() else ""


def _lock(lap: Lap, use_case: str, change: Sequence[str]) -> None:
    """What changed in dvc.lock since the lap began."""
    shown, left = change[:_LOCK_LINES], len(change) - _LOCK_LINES
    stages = ", ".join(changed_stages(lap.lock_before, _lock_now(lap))) or "nothing"
    more = [f"… and {left} lines more"] if left > 0 else []
    text = "\n".join([f"Changed: {stages}", "", "```diff", *shown, *more, "```"])
    create_markdown_artifact(text, key=_key(use_case, "dvc-lock"), description="dvc.lock before and after")


def _key(use_case: str, name: str) -> str:
    return f"{use_case.replace('_', '-').lower()}-{name}"


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Cells that a table can show: nested values are left to the report."""
    return {name: value for name, value in row.items() if not isinstance(value, (dict, list))}
