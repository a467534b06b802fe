"""A checkout whose stages are one-line shell commands: the flow must not care what a stage does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BUNDLE = "mkdir -p data/${item}/export/bundle && echo '{\"files\": {}}' > data/${item}/export/bundle/manifest.json"


def stub_checkout(folder: Path, **commands: str) -> Path:
    """ingest@d, then left@u and right@u side by side for each use case u of a and b, then export@u.

    commands replace a stage's own; ``{item}`` is the use case. There is no git history.
    """
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text((ROOT / ".dvc" / "config").read_text())
    raw = folder / "data" / "raw" / "d"
    raw.mkdir(parents=True)
    (raw / "x").write_text("one\n")
    table = "data/d/ingest/table"
    stages = {
        "ingest": _stage(["d"], f"mkdir -p data/d/ingest && cp data/raw/d/x {table}", ["data/raw/d"], [table]),
        "left": _stage(["a", "b"], f"cp {table} left-${{item}}", [table], ["left-${item}"]),
        "right": _stage(["a", "b"], f"cp {table} right-${{item}}", [table], ["right-${item}"]),
        "export": _stage(["a", "b"], BUNDLE, ["left-${item}", "right-${item}"], ["data/${item}/export/bundle"]),
    }
    for name, command in commands.items():
        stages[name]["do"]["cmd"] = command.replace("{item}", "${item}")
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (folder / "params.yaml").write_text(yaml.safe_dump(_params()))
    return folder


def _params() -> dict[str, Any]:
    """Dataset d, use cases a and b; candidates are not compared with the champion: these bundles hold no model."""
    channel = {"unit": "", "min": 0, "max": 1}
    source = {"files": "x", "device": "d", "time": {"field": "t"}, "channels": {"flow": {"field": "flow"}}}
    case = {
        "title": "A stub",
        "dataset": "d",
        "task": {"kind": "remaining_useful_life", "cap": 30},
        "features": {"trailing": [], "sequence": {"steps": 2}},
        "evaluate": {"gates": []},
        "export": {"int8_score_error_max": 1.0},
        "release": {"rule": "gates"},
    }
    return {
        "active": {"datasets": ["d"], "use_cases": {"a": {"dataset": "d"}, "b": {"dataset": "d"}}},
        "datasets": {"d": {"title": "D", "period_s": 1, "channels": {"flow": channel}, "sources": {"s": source}}},
        "use_cases": {"a": case, "b": case},
    }


def _stage(items: list[str], command: str, deps: list[str], outs: list[str]) -> dict[str, Any]:
    return {"foreach": items, "do": {"cmd": command, "deps": deps, "outs": outs}}


def environment(**more: str) -> dict[str, str]:
    """This checkout's code, whatever folder a process stands in."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "edge")]), **more}


def start_lap(folder: Path, *use_cases: str) -> subprocess.Popen[str]:
    """The flow in a process of its own; its last line is the failures as JSON."""
    command = [sys.executable, "-m", "tests.builders.stub", str(folder), *use_cases]
    return subprocess.Popen(
        command, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def run_lap(folder: Path, *use_cases: str) -> dict[str, Any]:
    """The flow in this process (Prefect is imported once a session); failures by use case."""
    from flows.lap import lap

    told = lap(list(use_cases), str(folder), return_state=True).result(raise_on_failure=False)
    return getattr(told, "failures", told)


if __name__ == "__main__":
    from flows.cli.failure import failing_clearly
    from flows.terminal import lap_here

    with failing_clearly():
        print(json.dumps(lap_here(Path(sys.argv[1]), sys.argv[2:])))
