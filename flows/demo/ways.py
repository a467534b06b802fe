"""How the demo's loop judges and retrains."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from flows.demo.beside import keep
from flows.environment import child_environment
from pipelines.files import Place

if TYPE_CHECKING:
    from pipelines.watch import Finding


@dataclass(frozen=True)
class Told:
    """A judgement. number: in the use case's history."""

    findings: tuple[Finding, ...]
    sentence: str
    number: int


@dataclass(frozen=True)
class Answer:
    """What became of a retraining. run: its name where it is to be found; bundle: a copy of what was published."""

    outcome: Literal["published", "refused"]
    said: str
    run: str = ""
    bundle: Path | None = None


class Way(Protocol):
    """Judging and retraining of one use case in the demo's checkout."""

    def judge(self, log: Path, now: datetime) -> Told:
        """Judge the field log as it was known at a simulated moment."""

    def retrain(self, week: int) -> Answer | None:
        """What a retraining at the end of a week came to; None where nothing began."""

    def close(self) -> None:
        """Leave no process behind."""


class Here:
    """In this process and by the command line, without a server that stays."""

    def __init__(self, folder: Path, use_case: str) -> None:
        self._folder, self._use_case = folder, use_case
        self._fresh: set[str] = set()
        self._tried: set[str] = set()
        self._release = 1

    def judge(self, log: Path, now: datetime) -> Told:
        """By `pipelines.watch` itself."""
        from pipelines.watch import watch

        found = watch(Place(self._folder), self._use_case, log, now=now)
        self._fresh = {finding.id for finding in found.events} - self._tried
        return Told(found.findings, found.sentence, found.number)

    def retrain(self, week: int) -> Answer | None:
        """By `fleetloop retrain`, once a finding."""
        if not self._fresh:
            return None
        self._tried |= self._fresh
        done = subprocess.run(
            ["fleetloop", "retrain", self._use_case], cwd=self._folder, env=child_environment(self._folder),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            return Answer("refused", (done.stdout.strip() or "no word").splitlines()[-1].removeprefix("fleetloop: "))
        self._release += 1
        bundle = Place(self._folder).room(self._use_case, "export") / "bundle"
        copy = keep(bundle, self._folder / "bundles" / f"ours-{week + 1}")
        return Answer("published", "published", f"release {self._release}", copy)

    def close(self) -> None:
        """Nothing runs."""
