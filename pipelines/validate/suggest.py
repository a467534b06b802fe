"""A contract drafted from history: what the fleet has done so far, with room to do a little worse.

Every limit stands on what was measured; it says how the fleet is, not how it should be. Read it before it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from pipelines.params import ChannelSpec, Contract
from pipelines.validate.facts import Facts
from pipelines.validate.healthy import History
from pipelines.validate.validate import COUNTS, gather, tables_of

ROOM = 1.5
"""How much more than the worst that was seen is allowed."""


def suggest(
    dataset: str,
    pieces: Iterable[pd.DataFrame],
    report: dict[str, Any],
    channels: dict[str, ChannelSpec],
    period_s: float,
    history: History | None = None,
) -> str:
    """YAML of `contract` (and, as comments, of the channels' ranges), with what each line stands on.

    pieces, report: as `validate` takes them. history: what takes the rows out that are not healthy; None: all are.
    """
    some = pieces if history is None else (piece for piece in history.healthy(pieces) if len(piece))
    facts = gather(dataset, some, channels, Contract(), period_s)
    count = len(history.devices) if history else sum(len(frame) for frame in facts.devices)
    tables = tables_of(facts, {name: int(report[name]) for name in COUNTS})
    shares, devices, seen = tables["dataset"].iloc[0], tables["devices"], tables["channels"].iloc[0]
    missing = max(float(seen[f"{name}.missing_share"]) for name in channels)
    flat = max(int(devices[f"{name}.longest_flat"].max()) for name in channels)
    slowest = devices.iloc[int(devices["rate"].argmin())]
    lines = [
        *(f"# {line}" for line in (history.sentences() if history else ())),
        "contract:",
        _line("missing_share_max", _share(missing), f"{missing:.2%} of the worst channel"),
        _line("quarantine_share_max", _share(shares["quarantine_share"]), f"{shares['quarantine_share']:.2%} seen"),
        _line("duplicates_share_max", _share(shares["duplicates_share"]), f"{shares['duplicates_share']:.2%} seen"),
        _line("rejected_share_max", _share(shares["rejected_share"]), f"{shares['rejected_share']:.2%} seen"),
        _line("gap_s_max", *_worst(devices, "longest_gap_s", period_s)),
        _line("rate_min", math.floor(slowest["rate"] * 90) / 100, f"{slowest['rate']:.1%} of {slowest['device']}"),
        _line("flat_rows_max", max(math.ceil(flat * ROOM), 2), f"{flat} rows of one value at most"),
        _line("turned_share_max", _share(devices["turned_share"].max()), f"{devices['turned_share'].max():.2%} seen"),
        _line("ahead_s_max", *_worst(devices, "ahead_s", 1.0)),
        _line("skew_s_max", *_worst(devices, "skew_s", 1.0)),
        _line("delay_s_max", *_worst(devices, "delay_s", 1.0)),
        *([] if history else [_line("stale_s_max", *_worst(devices, "stale_s", period_s))]),
        _line("devices_min", max(count * 9 // 10, 1), f"{count} devices"),
        "# channels, where a tighter range than today's would still hold all that was measured:",
        *_ranges(facts, channels),
    ]
    return "\n".join(lines) + "\n"


def _line(key: str, limit: float, because: str) -> str:
    return f"  {key}: {limit:g} # {because}"


def _share(seen: float) -> float:
    """A share with room above, to two figures; never none at all."""
    return max(math.ceil(float(seen) * ROOM * 1000) / 1000, 0.001) if seen < 1 / ROOM else 1.0


def _worst(devices: pd.DataFrame, column: str, least: float) -> tuple[float, str]:
    """A limit with room above the worst device, and which that is."""
    worst = devices.iloc[int(devices[column].argmax())]
    return math.ceil(max(float(worst[column]), least) * ROOM), f"{worst[column]:g} of {worst['device']}"


def _ranges(facts: Facts, channels: dict[str, ChannelSpec]) -> Iterable[str]:
    for name, spec in channels.items():
        if name in facts.lowest:
            low, high = facts.lowest[name], facts.highest[name]
            room = 0.1 * max(high - low, 1e-9)
            tight = max(spec.min, float(f"{low - room:.3g}")), min(spec.max, float(f"{high + room:.3g}"))
            if (tight[1] - tight[0]) < 0.5 * (spec.max - spec.min):
                yield f"#   {name}: {{min: {tight[0]:g}, max: {tight[1]:g}}} # seen {low:.4g}..{high:.4g} {spec.unit}"
