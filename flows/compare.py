"""What a lap changed against a revision, as Markdown with figures: what CI writes below a pull request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from flows.changes import Change, changes, changes_table, scores_table
from flows.outcome import Outcome
from pipelines.files import Place, write_bytes

if TYPE_CHECKING:
    from pipelines.report.lap_files import Lap

COMMENT, FIGURES = "comment.md", "figures"
_LONGEST = 60_000
"""Characters of a comment: GitHub takes 65,536 at most."""


def compare(root: Path, revision: str, folder: Path, figures: str | None = None) -> Path:
    """Write comment.md and the figures of every use case that was evaluated into `folder`; the comment's path.

    figures: where the pictures will be read; by default beside the comment. Raises DataError where git does not know
    the revision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place, against = Place(root), f"against {revision[:12]}"
    parts = [_stopped(outcome) for outcome in _bad_endings(root)]
    metrics, params = changes(root, "metrics", revision), changes(root, "params", revision)
    evaluated = sorted(gates.parents[1].name for gates in (root / "data").glob("*/evaluate/gates.json"))
    parts += [_use_case(place, name, folder, figures or FIGURES, (against, metrics)) for name in evaluated]
    parts += [_listed(f"Params {against}", params), _listed(f"All metrics {against}", metrics)]
    text = "\n".join(part for part in parts if part) or "Nothing was evaluated, and nothing changed.\n"
    write_bytes(folder / COMMENT, _cut(text).encode())
    return folder / COMMENT


def _bad_endings(root: Path) -> list[Outcome]:
    """How stages ended that did not end well, in the order of their names."""
    files = sorted((root / ".fleetloop").glob("*/*/outcome.json"))
    found = [Outcome(**json.loads(file.read_text())) for file in files]
    return [outcome for outcome in found if outcome.status != "ok"]


def _stopped(outcome: Outcome) -> str:
    why = outcome.reason or "its process was ended from outside"
    return f"> **{outcome.stage}@{outcome.name}** stopped the lap ({outcome.status.replace('_', ' ')}): {why}\n"


def _use_case(place: Place, use_case: str, folder: Path, figures: str, changed: tuple[str, list[Change]]) -> str:
    """The report's page as Markdown, all but its verdict, its facts and what changed folded away."""
    from pipelines.report.lap import lap_page
    from pipelines.report.lap_files import read_lap
    from pipelines.report.page import Figure
    from pipelines.report.render import to_markdown

    lap = read_lap(place, use_case)
    page = lap_page(lap, ())
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                write_bytes(folder / FIGURES / use_case / f"{block.name}.svg", block.svg.encode())
    head, *chapters = to_markdown(page, below=f"{figures}/{use_case}/").split("\n## ")
    head += _changed(lap, *changed)
    for chapter in chapters:
        title, _, text = chapter.partition("\n")
        head += _folded(title, text, open_=title == "Gates")
    return head


def _changed(lap: Lap, against: str, metrics: list[Change]) -> str:
    """The test scores that changed, of all models but the naive one."""
    models = {name: kind for name, kind in lap.kinds.items() if name != "naive"}
    table = scores_table(metrics, f"data/{lap.use_case}/evaluate/metrics.json", models)
    return "\n".join(["", f"**Metrics {against}**", "", *table, ""]) if table else ""


def _listed(title: str, found: list[Change]) -> str:
    """A folded table; "" where nothing differs."""
    return _folded(title, "\n" + "\n".join(changes_table(found)) + "\n") if found else ""


def _folded(title: str, text: str, open_: bool = False) -> str:
    return f"\n<details{' open' if open_ else ''}><summary>{title}</summary>\n{text}\n</details>\n"


def _cut(text: str) -> str:
    """Whole lines up to the longest comment, and a word that more was cut."""
    if len(text) <= _LONGEST:
        return text
    kept = text[: text.rindex("\n", 0, _LONGEST)]
    return f"{kept}\n{'</details>' * (kept.count('<details') - kept.count('</details>'))}\n\n*The rest was cut.*\n"
