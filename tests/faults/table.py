"""Every fault that is tried, as a table: the tests of this folder are made from it, and docs/loop.md shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

PUBLISHING = (
    "the first file", "the last file", "the champion is read", "the release is recorded", "the champion moves",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One fault of one part, at some steps: a case each."""

    part: str
    fault: str
    steps: tuple[str, ...]
    ends: str


OLD_STAYS = "the old champion stays whole; the next publish goes on"
NOTHING_TWICE = "asked again; nothing is done twice"
NOTHING_HALF = "ends with one line, nothing half, no process left; the next pull goes on"
NOTHING_LOST = "ends with one line, nothing lost; the next push goes on"

ROWS = (
    Row("release store", "killed", PUBLISHING, OLD_STAYS),
    Row("release store", "hangs", PUBLISHING, OLD_STAYS),
    Row("release store", "refuses", PUBLISHING, OLD_STAYS),
    Row("release store", "stutters", PUBLISHING, NOTHING_TWICE),
    Row("release store", "loses", PUBLISHING, NOTHING_TWICE),
    Row("release store", "refuses, on the full stack", ("publish",), "failed, said and told; the next run publishes"),
    Row("DVC remote", "killed", ("while it gives",), NOTHING_HALF),
    Row("DVC remote", "hangs", ("while it gives",), NOTHING_HALF),
    Row("DVC remote", "refuses", ("while it gives",), NOTHING_HALF),
    Row("DVC remote", "killed", ("while it takes",), NOTHING_LOST),
    Row("DVC remote", "hangs", ("while it takes",), NOTHING_LOST),
    Row("DVC remote", "refuses", ("while it takes",), NOTHING_LOST),
    Row("worker", "killed with -9", ("left", "export"), "no process left, no release; the next lap is whole"),
    Row("worker", "killed with -9, on the full stack", ("train",), "crashed; stages ended, lease free, restarted"),
    Row("server", "killed", ("left",), "one line, no process left; the next lap is whole"),
    Row("server", "hangs", ("left",), "waited for"),
    Row("server", "not there", ("the start",), "one line, nothing begins"),
    Row("server", "killed, on the full stack", ("train",), "restarted; the run goes on and publishes once"),
    Row("database", "locked", ("export",), "waited for"),
    Row("database", "killed, on the full stack", ("train",), "back, the run goes on and publishes once"),
    Row(
        "database",
        "away while the server starts, on the full stack",
        ("its automations",),
        "restarted; events start runs",
    ),
    Row("the world", "the same event again", ("after it all",), "declined: no second retraining"),
    Row("the world", "the same schedule again", ("after it all",), "declined: no second retraining"),
)


def cases(part: str, *faults: str, at: str = "") -> Any:
    """Parameters of a test: fault and step of every case of a part's faults; at: of that step alone."""
    rows = [row for row in ROWS if row.part == part and row.fault in faults]
    found = [(row.fault, step) for row in rows for step in row.steps if at in ("", step)]
    assert {fault for fault, _ in found} == set(faults), "a fault that is not in the table"
    return pytest.mark.parametrize(("fault", "step"), found)


def markdown() -> str:
    """The table as docs/loop.md shows it."""
    lines = ["| part | fault | at | what comes of it |", "|---|---|---|---|"]
    lines += [f"| {row.part} | {row.fault} | {'; '.join(row.steps)} | {row.ends} |" for row in ROWS]
    return "\n".join(lines) + "\n"
