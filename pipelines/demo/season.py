"""The weeks that are shown: each is decided by the bundle then on the devices, and by those of other policies later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from pipelines.demo.account import account
from pipelines.demo.field import decide, extend_log
from pipelines.demo.story import Policy
from pipelines.files import Place, read_table, write_table
from pipelines.ingest import read_events
from pipelines.params import load_params
from pipelines.watch import read_log

WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class Season:
    """place: the checkout whose tables grow week by week. begin: ISO, of week 0. folder: for logs and decisions."""

    place: Place
    use_case: str
    begin: str
    folder: Path

    @property
    def log(self) -> Path:
        """The field log of the loop itself, all weeks so far."""
        return self.folder / "field"

    def moment(self, week: int) -> pd.Timestamp:
        """When a week begins, UTC."""
        return pd.Timestamp(self.begin) + week * WEEK

    def live(self, week: int, bundle: Path) -> None:
        """Let the fleet decide a week by `bundle`, and append it to the field log."""
        extend_log(self.log, self._decided(week, week + 1, bundle))

    def policy(self, name: str, bundles: Sequence[Path], retrained: Sequence[float]) -> Policy:
        """What would have come of deciding each week by its bundle. retrained: days, for the record."""
        for bundle, weeks in groupby(range(len(bundles)), key=lambda week: bundles[week]):
            lacking = [week for week in weeks if not self._saved(week, bundle).exists()]
            if lacking:
                self._decided(lacking[0], lacking[-1] + 1, bundle)
        parts = [read_table(self._saved(week, bundle), "fleetloop demo loop") for week, bundle in enumerate(bundles)]
        params = load_params(self.place.root)
        case = params.use_case(self.use_case)
        found = account(
            pd.concat(parts, ignore_index=True),
            read_events(self.place, case.dataset),
            case.task.failure,
            case.decision,
            params.dataset(case.dataset).period_s,
        )
        return Policy(name, tuple(retrained), found)

    def _decided(self, first: int, stop: int, bundle: Path) -> Path:
        """The field log of weeks first..stop-1 by a bundle; its decisions are kept, a file a week."""
        params = load_params(self.place.root)
        case = params.use_case(self.use_case)
        warm_s = case.watch.window * params.dataset(case.dataset).period_s
        tables = self.place.room(case.dataset, "ingest") / "tables"
        log = decide(bundle, tables, self.moment(first), self.moment(stop), warm_s, self.folder / "scratch")
        decisions = read_log(log).decisions[["device", "time", "action"]]
        for week in range(first, stop):
            mine = (decisions["time"] >= self.moment(week)) & (decisions["time"] < self.moment(week + 1))
            write_table(self._saved(week, bundle), decisions[mine])
        return log

    def _saved(self, week: int, bundle: Path) -> Path:
        return self.folder / "decisions" / bundle.name / f"{week}.parquet"
