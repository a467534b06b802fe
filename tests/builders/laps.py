"""Whole laps in small: the shipped use case `pumps` with little of everything, in a checkout of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from flows.checkout import copy_checkout, fit_dvc_to_git, set_params
from flows.environment import child_environment

TINY = {
    "datasets.pumps.simulate.devices": 15,
    "datasets.pumps.simulate.days": 45,
    "datasets.pumps.simulate.life_days": 18.0,
    "use_cases.pumps.train.baseline.trees": 30,
    "use_cases.pumps.train.sequence.hidden": 8,
    "use_cases.pumps.train.sequence.steps": 40,
    "use_cases.pumps.evaluate.bootstrap": 100,
    "use_cases.pumps.evaluate.gates": [{"metric": "log_loss", "at_most": 10}],
    "use_cases.pumps.export.int8_score_error_max": 0.5,
    "use_cases.pumps.export.int8_decisions_flipped_max": 1.0,
}


def tiny_checkout(root: Path, folder: Path) -> Path:
    """A copy of the checkout `root` whose pumps are few and whose models are small; every gate is wide open."""
    copy_checkout(root, folder)
    edit(folder, **TINY)
    return folder


ENOUGH = {  # for a null with some power, and for models that know the fleet
    "datasets.pumps.simulate.devices": 60,
    "datasets.pumps.simulate.days": 60,
    "datasets.pumps.simulate.life_days": 24.0,
    "use_cases.pumps.split.calibration": 0.3,
    "use_cases.pumps.watch.window": 96,
    "use_cases.pumps.retrain": {"cool_down_h": 0, "new_rows": 1000},
    "use_cases.pumps.train.baseline.trees": 100,
    "use_cases.pumps.train.sequence.hidden": 16,
    "use_cases.pumps.train.sequence.steps": 200,
}


def small_fleet(root: Path, folder: Path) -> Path:
    """A tiny checkout in git whose pumps are enough for a drift to be found and learnt; no raw files yet."""
    tiny_checkout(root, folder)
    edit(folder, **ENOUGH)
    for name in (".gitignore", ".dvc/.gitignore"):
        shutil.copyfile(root / name, folder / name)
    shutil.copytree(root / "infra", folder / "infra")
    git(folder, "init", "-q", "-b", "main")
    commit_all(folder, "begin")
    fit_dvc_to_git(folder)
    return folder


def commit_all(folder: Path, message: str) -> None:
    """What stands in the checkout is what a run's workspace is cloned from."""
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", message)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def edit(folder: Path, **values: object) -> None:
    """Set values of params.yaml by their dotted path."""
    set_params(folder, values)


def run(folder: Path, *command: str) -> str:
    """Run a command with the folder's own code; its output. A failure shows all that it said."""
    done = subprocess.run(
        command, cwd=folder, env=child_environment(folder), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout
