"""Photograph Prefect's pages of the newest run that has a report, on the server of `fleetloop up` (`make screenshots`).

docs/runs.png: the list of runs. docs/run-page.png: the run's graph and artifacts, as an operator sees them.
docs/run-papers.png: its cause and the links to its papers. docs/run-gates.png: its gates. Those in the README show the
fleet of `make demo` after a drift; beside `fleetloop up`, with what the lap made committed:

    fleetloop data simulate pumps --days 28 --drift wear && fleetloop stage ingest pumps
    fleetloop score data/pumps/export/bundle data/pumps/ingest/tables -o data/pumps/field
    PREFECT_API_URL=http://127.0.0.1:4200/api prefect deployment run watch/watch-pumps    # its event starts `retrain`
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

from flows.up.control import running

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = {"width": 1280, "height": 960}  # pixels
TALL = {"width": 1280, "height": 1720}  # with all artifacts of a run
WAIT_MS = 60_000


def main(root: Path = ROOT, docs: Path = ROOT / "docs") -> int:
    """Write the pictures; a sentence and 1 where there is no server, no run or no browser."""
    plan = running(root)
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if plan is None or browser is None:
        print("nothing to photograph: `fleetloop up` does not run here" if plan is None else "no Chromium here")
        return 1
    api = f"{plan.server_url}/api"
    run = newest_run(api)
    if run is None:
        print("no run has ended yet; start one from the UI or by `prefect deployment run retrain/retrain-pumps`")
        return 1
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(f"{plan.server_url}/runs")
        page.get_by_text("Flow Runs").first.wait_for(timeout=WAIT_MS)
        _picture(page, docs / "runs.png")
        page.set_viewport_size(TALL)  # type: ignore[arg-type]
        page.goto(f"{plan.server_url}/runs/flow-run/{run}")
        page.get_by_text("Artifacts", exact=True).last.click(timeout=WAIT_MS)
        _picture(page, docs / "run-page.png")
        page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        for name, artifact in (("run-papers", "report"), ("run-gates", "gates")):
            page.goto(f"{plan.server_url}/artifacts/artifact/{artifact_of(api, run, artifact)}")
            _picture(page, docs / f"{name}.png")
        chromium.close()
    return 0


def _picture(page: Any, path: Path) -> None:
    page.wait_for_timeout(5000)  # the page draws after its last answer
    page.screenshot(path=path)


def newest_run(api: str) -> str | None:
    """The newest run that made a report."""
    found = _artifacts(api, {"key": {"like_": "-report"}})
    return str(found[0]["flow_run_id"]) if found else None


def artifact_of(api: str, run: str, name: str) -> str:
    """The address's end of an artifact of a run: its report, its gates."""
    found = _artifacts(api, {"key": {"like_": f"-{name}"}, "flow_run_id": {"any_": [run]}})
    return str(found[0]["id"])


def _artifacts(api: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"artifacts": wanted, "sort": "CREATED_DESC", "limit": 1}
    request = urllib.request.Request(
        f"{api}/artifacts/filter", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


if __name__ == "__main__":
    sys.exit(main())
