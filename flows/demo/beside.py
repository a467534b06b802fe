"""Laps of the policies that the loop is compared with, and how the demo runs commands and keeps bundles."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from flows.checkout import copy_checkout
from flows.environment import child_environment
from pipelines.errors import DataError
from pipelines.files import Place
from pipelines.params import load_params


def run(folder: Path, *command: str) -> str:
    """A command in a checkout; its output. Raises DataError with its last words where it fails."""
    done = subprocess.run(
        command, cwd=folder, env=child_environment(folder), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise DataError(f"`{' '.join(command)}` in {folder} ended with {done.returncode}: {done.stdout.strip()[-400:]}")
    return done.stdout


@dataclass
class Beside:
    """Laps of the policies that are compared with: outside Prefect, in a checkout of their own, one after another."""

    home: Path
    use_case: str
    workers: ThreadPoolExecutor
    laps: dict[int, Future[Path | None]] = field(default_factory=dict)

    def train(self, week: int) -> None:
        """Take the raw files as they are now; the lap itself runs while the weeks go on."""
        dataset = load_params(self.home).use_case(self.use_case).dataset
        raw = self.home / "beside-raw" / str(week)
        shutil.copytree(Place(self.home).raw(dataset), raw, copy_function=os.link)
        self.laps[week] = self.workers.submit(self._lap, week, dataset, raw)

    def bundle(self, week: int) -> Path | None:
        """What the lap of a week gave; None where its gates refused it, or none was asked for."""
        return self.laps[week].result() if week in self.laps else None

    def _lap(self, week: int, dataset: str, raw: Path) -> Path | None:
        checkout = self.home / "beside"
        if not checkout.exists():
            copy_checkout(self.home, checkout)
        place = Place(checkout)
        shutil.rmtree(place.raw(dataset), ignore_errors=True)
        shutil.copytree(raw, place.raw(dataset), copy_function=os.link)
        try:
            run(checkout, "dvc", "repro", "--quiet", f"export@{self.use_case}")
        except DataError:
            return None
        return keep(place.room(self.use_case, "export") / "bundle", self.home / "bundles" / f"week-{week + 1}")


def keep(bundle: Path, copy: Path) -> Path:
    shutil.copytree(bundle, copy, dirs_exist_ok=True)
    return copy
