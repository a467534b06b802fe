"""The demo's loop, week by week, and what is to be told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.demo.beside import Beside, keep, run
from flows.demo.ways import Told, Way
from pipelines.files import Place
from pipelines.params import FIRMWARE_KINDS, SENSOR_KINDS, DemoSpec, Order, load_params

if TYPE_CHECKING:
    from pipelines.demo import Entry, Policy, Season

Say = Callable[[str], None]


@dataclass
class Loop:
    """The loop itself, week by week, and what is to be told of it."""

    folder: Path
    spec: DemoSpec
    begin: Callable[[], Way]  # called once the first champion is there
    say: Say
    entries: list[Entry] = field(default_factory=list)
    ours: list[Path] = field(default_factory=list)  # the bundle of each week
    every: list[int] = field(default_factory=list)  # weeks at whose end the watch found anything
    retrained: list[int] = field(default_factory=list)
    told_of: set[str] = field(default_factory=set)  # findings
    policies: list[Policy] = field(default_factory=list)

    def live(self, beside: Beside) -> None:
        """The history and its champion, then the weeks, then the other policies over the same weeks."""
        from pipelines.demo import Season

        use_case, spec = self.spec.use_case, self.spec
        self.place = Place(self.folder)
        self.case = load_params(self.folder).use_case(use_case)
        self._simulate(spec.history_days, ())
        self.say(f"{spec.devices} devices, {spec.history_days} days of history; training the first champion")
        run(self.folder, "fleetloop", "run", use_case)
        champion = keep(self.place.room(use_case, "export") / "bundle", self.folder / "bundles" / "first")
        self.season: Season = Season(self.place, use_case, self._iso(0), self.folder / "season")
        self.way = self.begin()
        try:
            for week in range(spec.weeks):
                champion = self._week(week, champion, beside)
        finally:
            self.way.close()
        self._compare(beside)

    def told(self) -> Path:
        """Write the timeline; the page's path."""
        from pipelines.demo import caught, write_story

        orders = [self._about(order) for order in self.spec.orders]
        fleet = f"{self.spec.devices} devices · {self.spec.weeks} weeks · use case {self.spec.use_case}"
        seen = caught(orders, self.entries)
        return write_story(self.folder, self.entries, self.policies, seen, self.case.decision.currency, fleet)

    def _week(self, week: int, champion: Path, beside: Beside) -> Path:
        """One week; the bundle that the fleet has afterwards."""
        self._pass(week)
        self.season.live(week, champion)
        self.ours.append(champion)
        told = self._judge(week)
        if week + 1 == self.spec.weeks:
            return champion
        after = self._retrain(week, told, champion)
        scheduled = ((week + 1) * 7) % self.spec.schedule_days == 0
        if (told.findings or scheduled) and week not in self.retrained:
            beside.train(week)
        return after

    def _pass(self, week: int) -> None:
        """A week passes: what was ordered for it happens, and its raw files come in."""
        orders = [o for o in self.spec.orders if 7 * week <= o.day < 7 * week + 7]
        for order in orders:
            self._tell(order.day, "ordered", self._about(order)["what"])
        self._simulate(7, orders, 7 * week)
        run(self.folder, "dvc", "repro", "--quiet", "-s", f"ingest@{self.case.dataset}")

    def _simulate(self, days: int, orders: Sequence[Order], since: int = 0) -> None:
        told: list[str] = []
        for order in orders:
            values = order.model_dump(exclude_defaults=True, exclude={"kind"}) | {"day": order.day - since}
            pairs = (f"{k}={','.join(v) if isinstance(v, tuple) else v}" for k, v in values.items())
            told += ["--order", " ".join([order.kind, *pairs])]
        run(self.folder, "fleetloop", "data", "simulate", self.case.dataset, "--days", str(days), *told)

    def _judge(self, week: int) -> Told:
        end = 7 * (week + 1)
        found = self.way.judge(self.season.log, self._at(end))
        for finding in found.findings:
            decision = "ticket; channel masked" if finding.ticket else "retrain" if finding.retrain else "wait"
            if finding.id not in self.told_of:  # a finding that goes on is told of once
                self._tell(end, finding.kind, finding.sentence, decision, f"judgement {found.number}")
        self.told_of |= {finding.id for finding in found.findings}
        if found.findings:
            self.every.append(week)
        self.say(f"week {week + 1}: {found.sentence[:150]}")
        return found

    def _retrain(self, week: int, told: Told, champion: Path) -> Path:
        """The bundle that the fleet has after a week, and what was decided about another."""
        answer = self.way.retrain(week)
        if answer is None:
            return champion
        about = [f"{f.kind.replace('_', ' ')} in {f.cohort}" for f in told.findings if f.retrain]
        kind = "retraining" if answer.outcome == "published" else "refused"
        self._tell(7 * (week + 1), kind, "; ".join(about), answer.said, answer.run)
        self.say(f"week {week + 1}: {answer.said}")
        if answer.bundle is None:
            return champion
        self.retrained.append(week)
        return answer.bundle

    def _compare(self, beside: Beside) -> None:
        self.say("the other policies, over the same weeks")
        made = {week: bundle for week in range(self.spec.weeks) if (bundle := self._made(week, beside)) is not None}
        months = [w for w in made if ((w + 1) * 7) % self.spec.schedule_days == 0]
        plans = {
            "the loop": self.retrained,
            "never": [],
            f"every {self.spec.schedule_days} days": months,
            "at every alarm": [w for w in self.every if w in made],
        }
        for name, weeks in plans.items():
            bundles = [self.ours[0]]
            for week in range(1, self.spec.weeks):
                bundles.append(made[week - 1] if week - 1 in weeks else bundles[-1])
            self.policies.append(self.season.policy(name, bundles, [7.0 * (w + 1) for w in weeks]))

    def _made(self, week: int, beside: Beside) -> Path | None:
        """What a lap at the end of a week gave: the loop's own where it retrained then, the same inputs being there."""
        ours = self.ours[week + 1] if week in self.retrained and week + 1 < len(self.ours) else None
        return ours or beside.bundle(week)

    def _about(self, order: Order) -> dict[str, Any]:
        """An order as the timeline names it, and the words by which a finding can be about it."""
        kind = "sensor_fault" if order.kind in SENSOR_KINDS else "drift"
        expected = "upstream_change" if order.kind in FIRMWARE_KINDS else kind
        devices = [*order.devices] if isinstance(order.devices, tuple) and expected == "sensor_fault" else []
        names = [*devices, *([order.vendor] if order.vendor else [])]
        where = f" on {', '.join(names)}" if names else ""
        what = f"{order.kind.replace('_', ' ')}{f' of {order.channel}' if order.channel else ''}{where}"
        return {"what": what, "class": expected, "day": order.day, "names": names}

    def _tell(self, day: float, kind: str, cause: str, decision: str = "", run: str = "") -> None:
        from pipelines.demo import Entry

        self.entries.append(Entry(self._iso(day), kind, cause, decision, run, day))

    def _at(self, day: float) -> datetime:
        spec = load_params(self.folder).dataset(self.case.dataset).simulate
        assert spec is not None  # the fleet was simulated
        begin = datetime.fromisoformat(spec.start).astimezone(UTC)
        return begin + timedelta(days=self.spec.history_days + day)

    def _iso(self, day: float) -> str:
        return self._at(day).strftime("%Y-%m-%dT%H:%M:%SZ")
