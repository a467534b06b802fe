"""What decisions are worth: lives of machines, the first action of each, and what it costs.

A life is a device's rows up to one failure. Acting ends it: the first action of a life is what counts. It comes in
time if at least `lead` periods are left; what is left beyond that is thrown away.

Lives that end early are followed by more lives, so costs are compared as a rate: the cost of all lives over the
periods that they were used (the renewal-reward theorem). Else a rule that always acts would look cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.params import DecisionParams

Bool = NDArray[np.bool_]
Index = NDArray[np.int64]
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Lives:
    """Lives in rows sorted by device and time. start, stop: (L,) first row and one past the last.

    left: (n,) periods from each row to its life's failure; where none is known, to the last row (a lower bound).
    known: (L,) the life ends in a failure that is known. seen: (L,) periods left at its last row.
    """

    start: Index
    stop: Index
    left: Real
    known: Bool
    seen: Real
    devices: int
    device_days: float
    fresh: Bool  # (n,) first row of a device or a segment: no run of rows reaches across


def find_lives(frame: pd.DataFrame, period_s: float) -> Lives:
    """Lives of the rows of one side. frame: device, time, segment, life; sorted by device and time."""
    device = pd.factorize(frame["device"])[0]
    segment = frame["segment"].to_numpy()
    life = frame["life"].to_numpy(dtype=np.float64)
    new_device = _changes(device)
    with np.errstate(invalid="ignore"):  # inf - inf where no failure is known
        begins = new_device | np.concatenate([[False], np.diff(life) > 0])[: len(life)]
    start = np.flatnonzero(begins).astype(np.int64)
    stop = np.append(start[1:], len(life)).astype(np.int64)
    known = np.isfinite(life[start])
    seconds = epoch_seconds(frame["time"])
    end = np.repeat(seconds[stop - 1], stop - start)
    left = np.where(np.isfinite(life), life, (end - seconds) / period_s)
    days = len(life) * period_s / 86_400
    return Lives(start, stop, left, known, left[stop - 1], len(np.unique(device)), days, new_device | _changes(segment))


def epoch_seconds(times: pd.Series[pd.Timestamp]) -> Real:
    """Times (n,) in UTC as epoch seconds."""
    return pd.DatetimeIndex(times).as_unit("us").asi8 / 1e6


def _changes(codes: NDArray[np.integer]) -> Bool:
    changed = np.ones(len(codes), dtype=bool)
    changed[1:] = codes[1:] != codes[:-1]
    return changed


@dataclass(frozen=True)
class Worth:
    """What a rule's actions were worth. All arrays (L,) over lives."""

    cost: Real  # money
    used: Index  # rows up to the first action, or all of the life's
    timely: Bool  # acted with at least `lead` periods left
    due: Bool  # the last moment for a warning in time lies within the rows
    left: Real  # periods left at the first action; nan without one


def worth(acts: Bool, lives: Lives, params: DecisionParams) -> Worth:
    """Judge actions (n,) life by life."""
    rows = np.arange(len(acts))
    first = np.minimum.reduceat(np.where(alarms(acts, lives), rows, len(acts)), lives.start)
    acted = first < lives.stop
    left = np.where(acted, lives.left[np.minimum(first, len(acts) - 1)], np.nan)
    timely = acted & ((left >= params.lead) | ~lives.known)
    due = lives.known & (lives.seen < params.lead)
    missed = due & ~timely
    early = np.where(timely, np.maximum(left - params.lead, 0.0), 0.0)
    cost = params.cost_action * acted + params.cost_missed * missed + params.cost_early * early
    used = np.where(acted, first + 1, lives.stop) - lives.start
    return Worth(cost, used, timely, due, left)


def alarms(acts: Bool, lives: Lives) -> Bool:
    """(n,) rows on which an alarm begins.

    An alarm that still stands when the repaired machine starts again is the old life's: the windows remember it for
    a while, and nobody acts on it twice.
    """
    before = np.concatenate([[False], acts[:-1]])
    return acts & (~before | lives.fresh)


def cost_per_device(found: Worth, lives: Lives) -> float:
    """Money a device over the side's mean history, at the long-run rate: cost of all lives over rows used."""
    return float(found.cost.sum() / found.used.sum() * len(lives.left) / lives.devices)


def decision_metrics(acts: Bool, lives: Lives, params: DecisionParams) -> dict[str, float]:
    """Cost a device, share of failures warned of in time, their median warning, and alarms a device-day."""
    found = worth(acts, lives, params)
    starts = alarms(acts, lives)
    metrics = {
        "cost_per_device": cost_per_device(found, lives),
        "alarms_per_device_day": float(starts.sum() / lives.device_days),
        "failures": float(found.due.sum()),
    }
    if found.due.any():
        metrics["warned_share"] = float(found.timely[found.due].mean())
    warned = found.due & found.timely
    if warned.any():
        metrics["early_periods"] = float(np.median(found.left[warned]))
    return metrics
