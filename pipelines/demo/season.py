"""The spans of time that are shown: each is decided by the bundle then on the devices, and by other policies' too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from pipelines.demo.account import Account, account
from pipelines.demo.field import decide, extend_log
from pipelines.files import Place, read_table, write_table
from pipelines.ingest import read_events
from pipelines.params import load_params
from pipelines.watch import read_log


@dataclass(frozen=True)
class Season:
    """place: a checkout whose tables grow span by span. begin: ISO, of span 0. folder: what was decided, by bundle.

    log: the field log of who decides here. One folder may serve several seasons: what a bundle decided in a span is
    then decided once.
    """

    place: Place
    use_case: str
    begin: str
    every_days: int
    folder: Path
    log: Path

    def moment(self, span: int) -> pd.Timestamp:
        """When a span begins, UTC."""
        return pd.Timestamp(self.begin) + span * pd.Timedelta(days=self.every_days)

    def live(self, span: int, bundle: Path, tables: Path | None = None) -> None:
        """Let the fleet decide a span by `bundle`, and append it to the field log. tables: by default the place's."""
        extend_log(self.log, self._decided(span, span + 1, bundle, tables))

    def worth(self, bundles: Sequence[Path]) -> Account:
        """What came, or would have come, of deciding each span by its bundle."""
        for bundle, spans in groupby(range(len(bundles)), key=lambda span: bundles[span]):
            lacking = [span for span in spans if not self._saved(span, bundle).exists()]
            if lacking:
                self._decided(lacking[0], lacking[-1] + 1, bundle)
        parts = [read_table(self._saved(span, bundle), "fleetloop demo loop") for span, bundle in enumerate(bundles)]
        params = load_params(self.place.root)
        case = params.use_case(self.use_case)
        return account(
            pd.concat(parts, ignore_index=True),
            read_events(self.place, case.dataset),
            case.task.failure,
            case.decision,
            params.dataset(case.dataset).period_s,
        )

    def _decided(self, first: int, stop: int, bundle: Path, tables: Path | None = None) -> Path:
        """The field log of spans first..stop-1 by a bundle; its decisions are kept, a file a span."""
        params = load_params(self.place.root)
        case = params.use_case(self.use_case)
        warm_s = case.watch.window * params.dataset(case.dataset).period_s
        scratch = self.log.with_name(f"{self.log.name}-scratch")
        source = tables or self.place.room(case.dataset, "ingest") / "tables"
        log = decide(bundle, source, self.moment(first), self.moment(stop), warm_s, scratch)
        decisions = read_log(log).decisions[["device", "time", "action"]]
        for span in range(first, stop):
            mine = (decisions["time"] >= self.moment(span)) & (decisions["time"] < self.moment(span + 1))
            write_table(self._saved(span, bundle), decisions[mine])
        return log

    def _saved(self, span: int, bundle: Path) -> Path:
        return self.folder / bundle.name / f"{span}.parquet"
