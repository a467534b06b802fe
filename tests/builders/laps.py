"""Whole laps in small: the shipped use case `pumps` with little of everything, in a checkout of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from flows.checkout import copy_checkout, set_params
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
