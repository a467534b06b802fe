"""A small server of the papers of runs and judgements: files below one folder, read only, and a page of contents."""

from __future__ import annotations

import html
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flows.papers import lock_path
from pipelines.files import Place
from pipelines.report.colours import css

_PLAIN = "text/plain; charset=utf-8"
_JUDGEMENTS = 10  # of a use case that the page names, the newest
_STYLE = """
body{font:15px/1.6 system-ui,sans-serif;max-width:1080px;margin:40px auto;padding:0 24px}
body{color:var(--ink);background:var(--page)}table{border-collapse:collapse;width:100%}
td{padding:6px 16px 6px 0;border-bottom:1px solid var(--line)}a{color:var(--accent)}
"""


class Handler(SimpleHTTPRequestHandler):
    """Markdown, JSON and diffs are shown, not downloaded; nothing is logged."""

    extensions_map = {  # noqa: RUF012  (as the base class has it)
        **SimpleHTTPRequestHandler.extensions_map, ".md": _PLAIN, ".json": _PLAIN, ".diff": _PLAIN,
    }  # fmt: skip

    def __init__(self, *words: Any, directory: str, prefect: str) -> None:
        self._prefect = prefect
        super().__init__(*words, directory=directory)

    def list_directory(self, path: Any) -> io.BytesIO | None:
        """The contents for the folder itself; below it, its files."""
        if Path(path) != Path(self.directory):
            return super().list_directory(path)
        page = contents(Path(self.directory), self._prefect).encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        return io.BytesIO(page)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: every look at a page would be a line."""


def contents(folder: Path, prefect: str) -> str:
    """Runs and judgements with links to their papers, the newest first, as HTML. prefect: the address of its UI."""
    runs = [_row(path, _run(folder, path, prefect)) for path in _newest(folder / "runs")]
    judged = [
        _row(path, [_link(folder, path / "report.html", f"{path.parent.name} {path.name}: Evidently report")])
        for use_case in _newest(folder / "watch")
        for path in _newest(use_case)[:_JUDGEMENTS]
    ]
    body = "".join(
        f"<h2>{title}</h2><table>{''.join(rows)}</table>" if rows else f"<h2>{title}</h2><p>None yet.</p>"
        for title, rows in (("Runs", runs), ("Judgements", judged))
    )
    back = f'<p><a href="{html.escape(prefect)}/runs">Runs in Prefect</a></p>'
    head = f'<meta charset="utf-8"><title>fleetloop: papers</title><style>{css()}{_STYLE}</style>'
    return f"<!doctype html><html lang=en>{head}<h1>Papers of runs</h1>{back}{body}</html>\n"


def _run(folder: Path, run: Path, prefect: str) -> Iterator[str]:
    """A run's links: to its page, and to the papers of each use case."""
    yield f'<a href="{html.escape(prefect)}/runs/flow-run/{run.name}">run {run.name[:8]}</a>'
    for report in sorted(run.glob(".fleetloop/*/report.html")):
        use_case = report.parent.name
        yield _link(folder, report, f"{use_case}: lap report")
        for path, words in (
            (Place(run).room(use_case, "evaluate") / "card" / "card.md", "model card"),
            (lock_path(run, use_case), "change of dvc.lock"),
        ):
            if path.exists():
                yield _link(folder, path, words)
    for docs in sorted(run.glob(".fleetloop/*/validate/docs/index.html")):
        yield _link(folder, docs, "Data Docs")


def _row(path: Path, links: Iterator[str] | list[str]) -> str:
    when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return f"<tr><td>{when:%Y-%m-%d %H:%M} UTC</td><td>{' · '.join(links)}</td></tr>"


def _link(folder: Path, path: Path, words: str) -> str:
    return f'<a href="/{quote(path.relative_to(folder).as_posix())}">{html.escape(words)}</a>'


def _newest(folder: Path) -> list[Path]:
    """The folders in it, the newest first."""
    found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def main(folder: str, host: str, port: str, prefect: str) -> None:
    handler = partial(Handler, directory=folder, prefect=prefect)
    ThreadingHTTPServer((host, int(port)), handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
