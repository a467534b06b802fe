"""The fleet of the demo, simulated ahead in a folder of its own; the loop gets its files span by span, as they come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from flows.checkout import copy_checkout
from flows.demo.commands import run
from flows.reproduce import Processes
from pipelines.files import Place
from pipelines.params import DemoSpec, Order


class World:
    """A fleet and what happens to it. truth: the folder that says what was really broken; read at the end."""

    def __init__(self, home: Path, dataset: str, spec: DemoSpec, processes: Processes) -> None:
        self._home, self._dataset, self._processes = home, dataset, processes
        self._folder = copy_checkout(home, home / "world")
        self.truth = self._folder / "data" / "truth" / dataset
        self._pool = ThreadPoolExecutor(1)
        self._spans: list[Future[list[Path]]] = [self._pool.submit(self._simulate, spec.history_days, (), 0)]
        for first in range(0, spec.days, spec.every_days):
            orders = [o for o in spec.orders if 0 <= o.day - first < spec.every_days]
            self._spans.append(self._pool.submit(self._simulate, spec.every_days, orders, first))

    def deliver(self, span: int) -> None:
        """Hand the files of a span over to the loop's checkout; span 0 is the history. Waits until it is simulated."""
        raw = Place(self._home).raw(self._dataset)
        for path in self._spans[span].result():
            target = raw / path.relative_to(Place(self._folder).raw(self._dataset))
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)

    def close(self) -> None:
        """Simulate no more."""
        self._pool.shutdown(cancel_futures=True)

    def _simulate(self, days: int, orders: Sequence[Order], since: int) -> list[Path]:
        told: list[str] = []
        for order in orders:
            values = order.model_dump(exclude_defaults=True, exclude={"kind"}) | {"day": order.day - since}
            pairs = (f"{k}={','.join(v) if isinstance(v, tuple) else v}" for k, v in values.items())
            told += ["--order", " ".join([order.kind, *pairs])]
        before = self._files()
        run(self._processes, self._folder, "fleetloop", "data", "simulate", self._dataset, "--days", str(days), *told)
        return sorted(self._files() - before)

    def _files(self) -> set[Path]:
        return set(Place(self._folder).raw(self._dataset).glob("*/*"))
