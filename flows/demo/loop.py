"""The demo's loop, span by span: the field's data come in, are decided and judged; what follows is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.demo.beside import Beside
from flows.demo.commands import run
from flows.demo.deployed import Deployed, Ended
from flows.demo.world import World
from flows.governor import Ledger
from flows.reproduce import Processes
from pipelines.errors import DataError
from pipelines.files import Place
from pipelines.params import FIRMWARE_KINDS, SENSOR_KINDS, DemoSpec, Order, load_params
from pipelines.release import champion, fetch, open_store

if TYPE_CHECKING:
    from pipelines.demo import Entry, Ordered, Season
    from pipelines.watch import Finding

Say = Callable[[str], None]
ENDINGS = {"Completed": "published", "Held": "held", "Declined": "refused"}


@dataclass
class Loop:
    """The loop itself. bundles: on the devices in each span. retrained: spans at whose end a training was admitted."""

    home: Path
    spec: DemoSpec
    world: World
    deployed: Deployed
    processes: Processes
    say: Say
    entries: list[Entry] = field(default_factory=list)
    bundles: list[Path] = field(default_factory=list)
    retrained: list[int] = field(default_factory=list)
    published: int = 0
    tickets: dict[str, Finding] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        params, use_case = load_params(self.home), self.spec.use_case
        self.case = params.use_case(use_case)
        simulated = params.dataset(self.case.dataset).simulate
        assert simulated is not None  # the fleet was simulated
        self._begin = datetime.fromisoformat(simulated.start) + timedelta(days=self.spec.history_days)
        log = self.home / "data" / use_case / "field"  # where the deployment looks
        self.season = self.season_of(self.home, log)

    def season_of(self, root: Path, log: Path) -> Season:
        """The spans as they are lived by another checkout with its own field log; what was decided is shared."""
        from pipelines.demo import Season

        spec, decided = self.spec, self.home / "season" / "decisions"
        return Season(Place(root), spec.use_case, self._iso(0), spec.every_days, decided, log)

    def begin(self) -> Path:
        """Take the history in and train the first champion; its bundle. Raises DataError where none came of it."""
        self._take_in(0)
        self.say(f"{self.spec.devices} devices, {self.spec.history_days} days of history: training the first champion")
        lap = self.deployed.lap()
        if lap.state != "Completed":
            raise DataError(f"the first champion was not published: {lap.message} ({lap.link})")
        self.bundles.append(self._on_devices())
        self._tell(0.0, "published", "the history that the first champion learns from", "release 1", lap)
        return self.bundles[0]

    def live(self, beside: Beside) -> None:
        """All spans; the other policies follow beside."""
        for span in range(self.spec.spans):
            for order in self.spec.orders:
                if 0 <= order.day - span * self.spec.every_days < self.spec.every_days:
                    self._tell(order.day, "ordered", about(order).what)
            self._take_in(span + 1)
            self.season.live(span, self.bundles[-1])
            drift = self._judge(span)
            if span + 1 < self.spec.spans:
                self.bundles.append((self._retrain(span, drift) if drift else None) or self.bundles[-1])
            beside.step(span)

    def _take_in(self, span: int) -> None:
        self.world.deliver(span)
        run(self.processes, self.home, "dvc", "repro", "--quiet", "-s", f"ingest@{self.case.dataset}")

    def _judge(self, span: int) -> str:
        """Let the field be judged at the end of a span; what asks for a training, in words."""
        from pipelines.watch import newest_findings

        day = float((span + 1) * self.spec.every_days)
        ended = self.deployed.watch(self._at(day))
        if ended.state not in ("Completed", "Drift"):
            raise DataError(f"the field could not be judged on day {day:g}: {ended.message} ({ended.link})")
        findings = newest_findings(Place(self.home), self.spec.use_case)
        self.say(f"day {day:g}: {len(findings)} findings{', an event' if ended.state == 'Drift' else ''}")
        for finding in findings:
            if finding.id not in self._told:  # a finding that goes on is told of once
                self._tell(day, finding.kind, finding.sentence, _decided(finding), ended, finding)
        self._told |= {finding.id for finding in findings}
        self.tickets |= {finding.id: finding for finding in findings if finding.ticket}
        asking = [f"{f.kind.replace('_', ' ')} in {f.cohort}" for f in findings if f.retrain]
        return "; ".join(asking) if ended.state == "Drift" else ""

    def _retrain(self, span: int, drift: str) -> Path | None:
        """What the automation's run came to; the bundle that it published."""
        ended = self.deployed.triggered()
        line = self._ledger().read().line_of(ended.id)
        kind = ENDINGS.get(ended.state, "failed")
        if line is not None and line.admitted:
            self.retrained.append(span)
        said = ended.message.removeprefix("not retrained: ")
        if kind == "published":
            said = f"release {self._release()}: {said}"
        elif line is not None and line.rule:
            said = f"refused by the governor ({line.rule}): {said}"
        self._tell(float((span + 1) * self.spec.every_days), kind, drift, said, ended)
        self.say(f"  {kind}: {said}")
        if kind != "published":
            return None
        self.published += 1
        return self._on_devices()

    def _on_devices(self) -> Path:
        """The champion's bundle as devices fetch it: from the release store."""
        store = open_store(Place(self.home))
        release = champion(store, self.spec.use_case)
        assert release is not None  # a run has just published
        folder = self.home / "bundles" / f"release-{release.version}"
        if not folder.exists():
            fetch(store, release, folder)
        return folder

    def _release(self) -> int:
        release = champion(open_store(Place(self.home)), self.spec.use_case)
        return release.version if release else 0

    def _ledger(self) -> Ledger:
        return Ledger(open_store(Place(self.home)), self.spec.use_case, self.case.retrain)

    def _tell(
        self, day: float, kind: str, cause: str, decision: str = "", ended: Ended | None = None,
        finding: Finding | None = None,
    ) -> None:  # fmt: skip
        from pipelines.demo import Entry, Run

        told = None if ended is None else Run(ended.id, ended.name, ended.link)
        names = () if finding is None else (finding.cohort, *finding.channels)
        self.entries.append(Entry(self._iso(day), kind, cause, decision, told, day, names))

    def _at(self, day: float) -> datetime:
        return self._begin.astimezone(UTC) + timedelta(days=day)

    def _iso(self, day: float) -> str:
        return self._at(day).strftime("%Y-%m-%dT%H:%M:%SZ")


def about(order: Order) -> Ordered:
    """An order as the timeline names it, and what a finding about it must name."""
    from pipelines.demo import Ordered

    channel = (order.channel,) if order.channel else ()
    if order.kind in SENSOR_KINDS:
        expected, cohorts = "sensor_fault", order.devices if isinstance(order.devices, tuple) else ()
    elif order.kind in FIRMWARE_KINDS:
        expected, cohorts = "upstream_change", (f"vendor={order.vendor}",) if order.vendor else ()
    else:
        return Ordered(order.kind, "drift", order.day)
    names = ", ".join(cohorts).replace("vendor=", "")
    where = f" on {names}" if names else ""
    what = f"{order.kind.replace('_', ' ')}{f' of {order.channel}' if order.channel else ''}{where}"
    return Ordered(what, expected, order.day, (*cohorts[:1], *channel))


def _decided(finding: Finding) -> str:
    if finding.ticket:
        return "no training: ticket, channel masked" if finding.channels else "no training: ticket"
    return "asks for a retraining" if finding.retrain else "no training: nothing confirms harm yet"
