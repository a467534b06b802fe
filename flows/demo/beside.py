"""The other policies over the same weeks, outside Prefect: by the calendar, and at every alarm.

They follow the loop span by span in one lane of their own. What several of them train on the same files is trained
once: their checkouts share the demo's DVC cache.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.checkout import copy_checkout, set_params
from flows.demo.commands import run
from flows.reproduce import Processes
from flows.workspace import share_cache
from pipelines.errors import DataError
from pipelines.files import Place
from pipelines.params import DemoSpec

if TYPE_CHECKING:
    from pipelines.demo import Season


@dataclass
class Other:
    """A policy. bundles: of each span. retrained: spans at whose end it did; published: how many passed their gates."""

    name: str
    bundles: list[Path]
    retrained: list[int] = field(default_factory=list)
    published: int = 0


@dataclass
class Beside:
    """season: of the policy that retrains at every alarm, with its own checkout, champion and field log."""

    home: Path
    dataset: str
    spec: DemoSpec
    season: Season
    processes: Processes
    first: Path

    def __post_init__(self) -> None:
        self._lane = ThreadPoolExecutor(1)
        self._steps: list[Future[Any]] = []
        self._made: dict[int, Path | None] = {}
        self.never = Other("never", [self.first])
        self.calendar = Other(f"every {self.spec.schedule_days} days", [self.first])
        self.alarmed = Other("at every alarm", [self.first])
        self._steps.append(self._lane.submit(self._lap, self.season.place, -1, self._kept(-1)[0]))

    def step(self, span: int) -> None:
        """A span is over: take its files as they are now; the rest happens in the lane while the loop goes on."""
        raw, tables = self._kept(span)
        self._steps.append(self._lane.submit(self._step, span, raw, tables))

    def others(self) -> list[Other]:
        """The policies at the end of the last span. Raises what went wrong."""
        for done in self._steps:
            done.result()
        return [self.never, self.calendar, self.alarmed]

    def close(self) -> None:
        """Replay no more."""
        self._lane.shutdown(cancel_futures=True)

    def _step(self, span: int, raw: Path, tables: Path) -> None:
        from pipelines.demo.alarm import raw_alarm

        season, last = self.season, span + 1 == self.spec.spans
        season.live(span, self.alarmed.bundles[-1], tables)
        now = season.moment(span + 1).to_pydatetime()
        alarm = not last and raw_alarm(season.place, self.spec.use_case, season.log, now)
        monthly = ((span + 1) * self.spec.every_days) % self.spec.schedule_days == 0 and not last
        for policy, due, place in (
            (self.alarmed, alarm, season.place),
            (self.calendar, monthly, Place(self.home / "beside" / "calendar")),
            (self.never, False, season.place),
        ):
            if due:
                policy.retrained.append(span)
                made = self._lap(place, span, raw)
                policy.published += made is not None
            policy.bundles.append((made if due else None) or policy.bundles[-1])
        shutil.rmtree(raw.parent)

    def _lap(self, place: Place, span: int, raw: Path) -> Path | None:
        """The bundle of a lap over these raw files; None where its gates refused it. One lap serves all who ask."""
        if span not in self._made:
            self._made[span] = self._reproduced(place, span, raw)
        return self._made[span]

    def _reproduced(self, place: Place, span: int, raw: Path) -> Path | None:
        if not place.root.exists():
            copy_checkout(self.home, place.root)
            share_cache(self.home, place.root)
            set_params(place.root, {f"use_cases.{self.spec.use_case}.watch.sample": 0})  # nobody looks at its reports
        shutil.rmtree(place.raw(self.dataset), ignore_errors=True)
        shutil.copytree(raw, place.raw(self.dataset), copy_function=os.link)
        try:
            run(self.processes, place.root, "dvc", "repro", "--quiet", f"export@{self.spec.use_case}")
        except DataError:
            return None
        copy = self.home / "bundles" / f"beside-{span + 1}"
        shutil.copytree(place.room(self.spec.use_case, "export") / "bundle", copy)
        return copy

    def _kept(self, span: int) -> tuple[Path, Path]:
        """The raw files and the tables as they are at the end of a span."""
        folder, place = self.home / "beside-kept" / str(span + 1), Place(self.home)
        tables = place.room(self.dataset, "ingest") / "tables"
        shutil.copytree(place.raw(self.dataset), folder / "raw", copy_function=os.link)
        shutil.copytree(tables, folder / "tables", copy_function=os.link)
        return folder / "raw", folder / "tables"
