"""A way of retraining and what it came to, training included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.demo.account import Account
from pipelines.report.words import money


@dataclass(frozen=True)
class Policy:
    """retrained: the days on which it did, whether or not the candidate was published. account: of its decisions.

    published: how many of the candidates reached the fleet. each: money that one retraining costs.
    """

    name: str
    retrained: tuple[float, ...]
    published: int
    account: Account
    each: float = 0.0

    @property
    def cost(self) -> float:
        """Of decisions and retrainings."""
        return self.account.cost + self.each * len(self.retrained)

    @property
    def spent(self) -> NDArray[np.float64]:
        """The same as it grew, on the account's days."""
        before = np.searchsorted(np.sort(self.retrained), self.account.day, side="right")
        grown: NDArray[np.float64] = self.account.spent + self.each * before
        return grown


def verdict(ours: Policy, others: Sequence[Policy], currency: str) -> str:
    """What the loop was worth, and in the same breath any way that would have cost less. others: never first."""
    never, *_ = others
    saved = never.cost - ours.cost
    count = len(ours.retrained)
    runs = f"{count} retraining{'' if count == 1 else 's'}"
    said = f"{runs} {'saved' if saved >= 0 else 'cost'} {money(abs(saved), currency)} against {never.name} retraining"
    best = min(others, key=lambda p: p.cost)
    less = ours.cost - best.cost
    if less > 0 and best is not never:
        times = "once" if len(best.retrained) == 1 else f"{len(best.retrained)} times"
        return f"{said}; retraining {best.name} ({times}) would have cost {money(less, currency)} less"
    return said if less > 0 else f"{said}; no other way cost less"
