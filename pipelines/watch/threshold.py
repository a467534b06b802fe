"""From the evidence of healthy pseudo-logs to a limit for a chance, and to the chance of an evidence; many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.watch.windows import Float


@dataclass(frozen=True)
class Null:
    """evidence: (R,) of pseudo-logs, above 0. They overlap, so they count as `blocks` independent ones.

    The quantile is that of one more draw, by Student's t on the logarithm, and never below the empirical one.
    """

    evidence: Float
    blocks: int

    def limit(self, chance: float) -> float:
        """The evidence that a healthy judgement exceeds with this chance."""
        from scipy import stats

        centre, spread = self._shape()
        smooth = float(np.exp(centre + stats.t.isf(chance, self.blocks - 1) * spread))
        return max(smooth, float(np.quantile(self.evidence, 1.0 - chance)))

    def chance(self, evidence: float) -> float:
        """The chance that a healthy judgement shows as much evidence: `limit` the other way round."""
        from scipy import stats

        if evidence <= 0:
            return 1.0
        centre, spread = self._shape()
        smooth = float(stats.t.sf((np.log(evidence) - centre) / spread, self.blocks - 1))
        return max(smooth, float(np.mean(self.evidence >= evidence)))

    def _shape(self) -> tuple[float, float]:
        logs = np.log(self.evidence)
        return float(logs.mean()), float(np.sqrt(1.0 + 1.0 / self.blocks) * max(logs.std(ddof=1), 1e-9))


def levels(chances: Sequence[float], whole: Sequence[bool], nominal: float) -> tuple[float, ...]:
    """The chance below which each of several cohorts' tests fails.

    whole: which is the fleet. It has half of `nominal` to itself, for a drift of all should not have to pay for the
    parts of the fleet that are looked at beside; the parts share the other half by `level`. One cohort alone has all.
    """
    parts = [chance for chance, is_whole in zip(chances, whole, strict=True) if not is_whole]
    if not parts or len(parts) == len(chances):
        return (level(chances, nominal),) * len(chances)
    common = level(parts, nominal / 2)
    return tuple(nominal / 2 if is_whole else common for is_whole in whole)


def level(chances: Sequence[float], nominal: float) -> float:
    """The chance below which a test of several fails, so that at most `nominal` of the alarms are false.

    Source: Benjamini and Hochberg, Controlling the false discovery rate, J. R. Statist. Soc. B 57, 1995. Where all are
    healthy it is the chance that any alarms, and one test alone keeps `nominal`.
    """
    ordered = np.sort(np.asarray(chances, dtype=np.float64))
    steps = nominal * np.arange(1, len(ordered) + 1) / len(ordered)
    below = np.flatnonzero(ordered <= steps)
    return float(steps[below[-1]] if len(below) else steps[0])
