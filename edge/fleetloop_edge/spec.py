"""The small frozen values that say what a device computes; they travel in the bundle's manifest.

Plain dataclasses (no pydantic on the device). ``pipelines.params`` validates YAML straight into them, so a
key has one definition. ``to_dict``/``from_dict`` are exact inverses over JSON types.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Statistic = Literal["mean", "std", "min", "max", "range", "slope", "delta", "deviation"]
"""Trailing-window statistics. slope: per row; delta: last minus mean; deviation: mean less own baseline."""

PerRow = Literal["value", "deviation", "ewma", "age", "missing"]
"""Features that need no window: they may also feed the sequence model, one vector a row."""


@dataclass(frozen=True)
class Trailing:
    """A set of window statistics: each of `stats` over each of `windows` rows, for every channel."""

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    stats: tuple[Statistic, ...]
    windows: tuple[int, ...]  # rows


@dataclass(frozen=True)
class Spike:
    """Trailing Hampel filter: a value further than `sigmas` robust deviations from the median is dropped.

    The robust deviation is 1.4826 x the median absolute deviation of the last `window` measured values, and at
    least `floor` x the channel's stated range, so that a constant signal may move.
    """

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    window: int = 11  # measured values
    sigmas: float = 6.0
    floor: float = 0.005  # share of (max - min)


@dataclass(frozen=True)
class Sequence:
    """What the sequence model sees: the last `steps` rows of the per-row features named in `inputs`."""

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    steps: int = 48
    inputs: tuple[PerRow, ...] = ("value", "age")
    pad: Literal["first", "zero"] = "first"  # left-pad short histories with the first row, or with the mean


@dataclass(frozen=True)
class FeatureSpec:
    """Everything from rows to features; hashed into the model and the bundle.

    Grid: a slot is [k x period, (k+1) x period); the last measured value by time stands for the slot. A row is used
    if it was received by slot end + late_s. An empty slot holds the last values for at most `fill` slots; a longer
    silence emits no row and resets window state (not life state: age, own baseline).
    """

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    channels: tuple[str, ...]
    period_s: float
    fill: int = 3  # slots
    late_s: float = 0.0
    spike: Spike | None = None
    trailing: tuple[Trailing, ...] = ()
    ewma: tuple[float, ...] = ()  # weights of the newest value
    baseline_rows: int = 0  # rows of a device's first life that make its own baseline; 0: no deviation
    age: bool = True  # rows since commissioning
    missing: bool = True  # one 0/1 a channel: not measured in this slot
    min_rows: int = 1  # no answer below this many rows since the last reset
    sequence: Sequence = field(default_factory=Sequence)

    def __post_init__(self) -> None:
        """Raises ValueError naming the key that cannot be computed."""
        windows = [rows for trailing in self.trailing for rows in trailing.windows]
        _require(len(self.channels) > 0, "channels must name at least one channel")
        _require(len(set(self.channels)) == len(self.channels), "channels must not name a channel twice")
        _require(self.period_s >= 1e-3, "period_s must be at least 0.001")
        _require(self.fill >= 0 and self.late_s >= 0, "fill and late_s must not be negative")
        _require(self.baseline_rows >= 0, "baseline_rows must not be negative")
        _require(min(self.min_rows, self.sequence.steps) >= 1, "min_rows and sequence.steps must be at least 1")
        _require(min(windows, default=1) >= 1, "trailing.windows must be at least 1 row")
        _require(all(0 < weight <= 1 for weight in self.ewma), "ewma weights must lie above 0 and at most at 1")
        _require(len(set(self.ewma)) == len(self.ewma), "ewma must not name a weight twice")
        _require(self.spike is None or self.spike.window >= 1, "spike.window must be at least 1 value")
        absent = {"deviation": not self.baseline_rows, "ewma": not self.ewma, "age": not self.age}
        own = any("deviation" in trailing.stats for trailing in self.trailing)
        _require(not own or self.baseline_rows > 0, "trailing.stats names 'deviation', which needs baseline_rows")
        for name in self.sequence.inputs:
            asked = f"sequence.inputs names {name!r}, which the features leave out"
            _require(not (absent | {"missing": not self.missing}).get(name, False), asked)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(rule)


@dataclass(frozen=True)
class Channel:
    """One signal: canonical unit and the range outside which a value is no measurement."""

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    name: str
    unit: str
    min: float
    max: float


@dataclass(frozen=True)
class DecisionSpec:
    """When a score becomes an action."""

    action: str  # what to do, e.g. "inspect"
    direction: Literal["above", "below"]
    threshold: float  # in score units; learnt on the calibration side
    consecutive: int  # rows in a row beyond the threshold
    phrase: str  # e.g. "failure within 48 h"
    unit: str  # of the score, "" for a probability
    max_missing: float  # share of channels missing in the last row above which the fallback answers; 1: never
    abstain_missing: float  # share above which nobody answers


def to_dict(value: Any) -> Any:
    """A spec as JSON types; tuples become lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_dict(v) for v in value]
    if isinstance(value, dict):
        return {k: to_dict(v) for k, v in value.items()}
    return value


def from_dict(kind: type[T], data: Any) -> T:
    """The spec of type `kind` that `to_dict` wrote. Raises TypeError or ValueError naming the unknown key."""
    return typing.cast(T, _build(kind, data, kind.__name__))


def _build(kind: Any, data: Any, path: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        known = {f.name for f in dataclasses.fields(kind)}
        unknown = set(data) - known
        if unknown:
            raise ValueError(f"{path}.{sorted(unknown)[0]} is not a known key; expected {', '.join(sorted(known))}")
        return kind(**{k: _build(hints[k], v, f"{path}.{k}") for k, v in data.items()})  # type: ignore[operator]
    if origin in (types.UnionType, typing.Union):
        return None if data is None else _build(next(a for a in args if a is not type(None)), data, path)
    if origin is tuple:
        return tuple(_build(args[0], v, path) for v in data)
    if origin is dict:
        return {k: _build(args[1], v, f"{path}.{k}") for k, v in data.items()}
    return data


def canonical_json(value: Any) -> bytes:
    """The one byte form of a value: sorted keys, no spaces, UTF-8; NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def spec_hash(spec: Any) -> str:
    """sha256 of a spec's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(to_dict(spec))).hexdigest()
