"""Masked channels taken out of a log's frame: neither measured nor missing, and no answer that stands on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.watch.cohorts import Cohort
from pipelines.watch.tickets import Mask


def masked(frame: pd.DataFrame, masks: Sequence[Mask], cohorts: Sequence[Cohort]) -> pd.DataFrame:
    """The frame (see `measure`) with `<channel>.masked` where a mask holds.

    There the channel counts as not asked for, and the row's score, action and target as not given: they were made of
    a broken value. Masks of channels or devices that the frame does not have do nothing.
    """
    if not masks:
        return frame
    members = {cohort.name: cohort.devices for cohort in cohorts}
    columns: dict[str, NDArray[np.bool_]] = {}
    for mask in masks:
        if f"{mask.channel}.measured" in frame:
            rows = _rows(frame, mask, members.get(mask.cohort, (mask.cohort,)))
            columns[mask.channel] = columns.get(mask.channel, np.zeros(len(frame), dtype=np.bool_)) | rows
    if not columns:
        return frame
    spoilt = np.logical_or.reduce(list(columns.values()))
    found = {f"{channel}.masked": rows for channel, rows in columns.items()}
    found |= {f"{c}.measured": frame[f"{c}.measured"].to_numpy(dtype=np.bool_) & ~r for c, r in columns.items()}
    answers = {name: frame[name].where(~spoilt) for name in ("score", "target")}
    return frame.assign(**found, **answers, acts=frame["acts"].to_numpy(dtype=np.bool_) & ~spoilt)


def _rows(frame: pd.DataFrame, mask: Mask, devices: Sequence[str]) -> NDArray[np.bool_]:
    found = frame["device"].isin(devices) & (frame["time"] >= pd.Timestamp(mask.since))
    if mask.until is not None:
        found &= frame["time"] < pd.Timestamp(mask.until)
    return found.to_numpy(dtype=np.bool_)


def members(masks: Sequence[Mask], cohorts: Sequence[Cohort]) -> set[str]:
    """The devices that some masks are of."""
    known = {cohort.name: cohort.devices for cohort in cohorts}
    return {name for mask in masks for name in known.get(mask.cohort, (mask.cohort,))}


def masked_at(masks: Sequence[Mask], cohorts: Sequence[Cohort], moment: pd.Timestamp) -> set[tuple[str, str]]:
    """(device, channel) of what is masked just before a moment."""
    holding = [m for m in masks if m.until is None or pd.Timestamp(m.until) >= moment]
    return {(device, mask.channel) for mask in holding for device in members([mask], cohorts)}
