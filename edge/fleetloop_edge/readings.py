"""What a payload says, one value at a time, before rows are built."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one channel at one time.

    From `decode`: `channel` and `value` in the vendor's words and unit. From `check`: canonical.
    """

    device: str
    time: float  # epoch seconds, UTC: when it was measured
    received: float  # epoch seconds, UTC: when it arrived where the decision is made
    channel: str
    value: float  # NaN: not measured
    site: str | None = None
    vendor: str | None = None
    firmware: str | None = None
    unit: str | None = None  # where the payload itself names one
    raw: str | None = None  # the text of a value that is no number
    verdict: str | None = None  # the vendor's own, where it is not a good one


@dataclass(frozen=True, slots=True)
class Rejected:
    """A value that became NaN, and the rule that it broke."""

    device: str
    time: float
    channel: str
    value: float  # canonical unit where there was a number, else NaN
    rule: str  # unknown_channel, unknown_unit, not_a_number, bad_quality, out_of_range
    reason: str
