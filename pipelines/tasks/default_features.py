"""The features of a use case that states none: windows follow how far the task looks ahead."""

from __future__ import annotations

from typing import Any

Keys = dict[str, Any]
LEAST, MOST = 3, 720
"""Rows of a window: below the one it tells nothing, above the other a device remembers too much."""


def for_warning(ahead: float) -> Keys:
    """To tell a failure `ahead` periods before it: level, spread, trend and extremes over a quarter of that, all of it
    and three times as much; no age, which a fleet whose parts are renewed at other times teaches wrongly."""
    quarter, whole, long = (rows(ahead * share) for share in (0.25, 1.0, 3.0))
    trailing = [
        {"stats": ["mean", "std", "slope"], "windows": rising(quarter, whole)},
        {"stats": ["min", "max", "delta"], "windows": [whole]},
        {"stats": ["mean"], "windows": [long]},
    ]
    return _list(trailing, rising(quarter, whole), whole, quarter) | {"age": False}


def for_wear(ahead: float) -> Keys:
    """To tell how much of a life is left, as far as `ahead` periods: trends over parts of that, the own baseline that
    a device began with, and its age; an answer from the first row on."""
    first, second, third, fourth = (rows(ahead / part) for part in (24, 12, 6, 3))
    trailing = [
        {"stats": ["mean"], "windows": rising(first, second, third, fourth)},
        {"stats": ["std"], "windows": [third]},
        {"stats": ["slope"], "windows": rising(third, fourth)},
    ]
    found = _list(trailing, rising(second, fourth), fourth, 1) | {"age": True, "baseline_rows": 10}
    found["sequence"]["inputs"] = ["value", "deviation", "ewma", "missing", "age"]
    return found


def _list(trailing: list[Keys], spans: list[int], steps: int, min_rows: int) -> Keys:
    return {
        "fill": 3,
        "spike": {},
        "trailing": trailing,
        "ewma": [round(2 / (span + 1), 4) for span in spans],
        "missing": True,
        "min_rows": min_rows,
        "sequence": {"steps": min(steps, 96), "inputs": ["value", "ewma", "missing"], "pad": "first"},
    }


def rows(periods: float) -> int:
    """A window of about so many periods."""
    return int(min(MOST, max(LEAST, round(periods))))


def rising(*windows: int) -> list[int]:
    """Windows without those that came out alike."""
    return sorted(set(windows))
