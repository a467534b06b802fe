"""What a lap changed against a revision, as Markdown with figures: what CI writes below a pull request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from flows.environment import child_environment
from flows.outcome import Outcome
from pipelines.errors import DataError
from pipelines.files import Place, write_bytes

COMMENT, FIGURES = "comment.md", "figures"
_LONGEST = 60_000
"""Characters of a comment: GitHub takes 65,536 at most."""


def compare(root: Path, revision: str, folder: Path, figures: str | None = None) -> Path:
    """Write comment.md and the figures of every use case that was evaluated into `folder`; the comment's path.

    figures: where the pictures will be read; by default beside the comment. Raises DataError where git does not know
    the revision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(root)
    parts = [_stopped(outcome) for outcome in _bad_endings(root)]
    evaluated = sorted(gates.parents[1].name for gates in (root / "data").glob("*/evaluate/gates.json"))
    parts += [_use_case(place, name, folder, figures or FIGURES) for name in evaluated]
    parts += [_difference(root, title, title.lower(), revision) for title in ("Metrics", "Params")]
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


def _use_case(place: Place, use_case: str, folder: Path, figures: str) -> str:
    """The report's page as Markdown, all but its verdict and facts folded away."""
    from pipelines.report.lap import lap_page
    from pipelines.report.lap_files import read_lap
    from pipelines.report.page import Figure
    from pipelines.report.render import to_markdown

    page = lap_page(read_lap(place, use_case), ())
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                write_bytes(folder / FIGURES / use_case / f"{block.name}.svg", block.svg.encode())
    head, *chapters = to_markdown(page, below=f"{figures}/{use_case}/").split("\n## ")
    for chapter in chapters:
        title, _, text = chapter.partition("\n")
        head += _folded(title, text, open_=title == "Gates")
    return head


def _difference(root: Path, title: str, command: str, revision: str) -> str:
    """`dvc metrics diff` or `dvc params diff` as a folded table; "" where nothing differs."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", command, "diff", "--md", revision],
        cwd=root, env=child_environment(root), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        reason = " ".join(done.stderr.split())[-300:]
        raise DataError(f"DVC cannot compare {command} with {revision!r}: {reason}; name a commit of this repository")
    table = done.stdout.strip()
    changed = len(table.splitlines()) > 2  # a heading and its rule come even where nothing differs
    return _folded(f"{title} against {revision[:12]}", f"\n{table}\n") if changed else ""


def _folded(title: str, text: str, open_: bool = False) -> str:
    return f"\n<details{' open' if open_ else ''}><summary>{title}</summary>\n{text}\n</details>\n"


def _cut(text: str) -> str:
    """Whole lines up to the longest comment, and a word that more was cut."""
    if len(text) <= _LONGEST:
        return text
    kept = text[: text.rindex("\n", 0, _LONGEST)]
    return f"{kept}\n{'</details>' * (kept.count('<details') - kept.count('</details>'))}\n\n*The rest was cut.*\n"
