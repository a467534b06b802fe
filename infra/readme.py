"""Write the README's outputs and pictures from what the last laps left behind (`make readme`).

For each active or lapped use case: the text of `fleetloop report`, and its HTML report photographed in light and
dark by a headless Chromium where there is one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USE_CASES = ("pumps", "turbofan")
LOOP = ROOT / ".fleetloop" / "demo-loop" / "timeline.html"
COLUMNS = "100"
PAGE, LOOP_PAGE = "1180,1900", "1180,1040"  # pixels
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Fill every use case's place in the README. Says what it left alone."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    for name in USE_CASES:
        page = ROOT / ".fleetloop" / name / "report.html"
        if not page.exists():
            print(f"{name}: no report; run `fleetloop run {name}` first. Its place in the README stays as it is.")
            continue
        text = fill(text, name, report_text(name), photograph(page, name))
    readme.write_text(text)
    if LOOP.exists():
        photograph(LOOP, "loop", LOOP_PAGE)
    else:
        print("loop: no timeline; run `fleetloop demo loop` first. Its pictures stay as they are.")
    return 0


def report_text(name: str) -> str:
    """What `fleetloop report NAME` prints, without colours, paths below the checkout made relative."""
    command = [str(Path(sys.executable).with_name("fleetloop")), "report", name]
    environment = os.environ | {"COLUMNS": COLUMNS, "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    lines = (line.rstrip() for line in done.stdout.replace(f"{ROOT}{os.sep}", "").splitlines())
    return "\n".join(lines).strip("\n")


def photograph(page: Path, name: str, size: str = PAGE) -> bool:
    """docs/<name>-light.png and docs/<name>-dark.png; False where there is no browser."""
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        print(f"{name}: no Chromium here; the pictures stay as they are")
        return (ROOT / "docs" / f"{name}-light.png").exists()
    (ROOT / "docs").mkdir(exist_ok=True)
    for scheme, code in (("dark", "0"), ("light", "1")):
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(
                [
                    browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    f"--blink-settings=preferredColorScheme={code}", f"--user-data-dir={profile}",
                    f"--window-size={size}", f"--screenshot={ROOT / 'docs' / f'{name}-{scheme}.png'}", page.as_uri(),
                ],
                check=True,
                capture_output=True,
            )  # fmt: skip
    return True


def fill(text: str, name: str, output: str, pictured: bool) -> str:
    """The README with the use case's output between its markers."""
    picture = (
        f'\n<picture><source media="(prefers-color-scheme: dark)" srcset="docs/{name}-dark.png">'
        f'<img alt="HTML report of {name}" src="docs/{name}-light.png"></picture>\n'
        if pictured
        else ""
    )
    block = f"<!-- demo:{name} -->\n```text\n{output}\n```\n{picture}<!-- /demo:{name} -->"
    filled, count = re.subn(rf"<!-- demo:{name} -->.*?<!-- /demo:{name} -->", lambda _: block, text, flags=re.S)
    if count != 1:
        raise SystemExit(f"README.md must hold <!-- demo:{name} --> and <!-- /demo:{name} --> once")
    return filled


if __name__ == "__main__":
    sys.exit(main())
