"""What a device computes of its rows: the frozen feature spec, and the rules that make one computable.

Plain dataclasses, like all of `fleetloop_edge.spec`, which is where others import them from.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from typing import Any, Literal

Statistic = Literal[
    "mean", "std", "min", "max", "range", "slope", "delta", "deviation",
    "rms", "crest", "kurtosis", "crossings", "missing",
    "q01", "q05", "q10", "q25", "q50", "q75", "q90", "q95", "q99",
]  # fmt: skip
"""Trailing-window statistics; `fleetloop_edge.catalogue` has the formula and the unit of each."""

PerRow = Literal["value", "deviation", "ewma", "age", "missing", "since", "calendar"]
"""Features that need no window: they may also feed the sequence model, one vector a row."""

Cycle = Literal["day", "week", "year"]


SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Trailing:
    """A set of window statistics: each of `stats` over each of `windows`, for every signal or those of `channels`.

    A window is a number of rows, or a time: "90s", "15min", "6h", "7d", rounded to whole rows.
    """

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    stats: tuple[Statistic, ...]
    windows: tuple[int | str, ...]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spectral:
    """Power of the last `window` rows in `bands` of frequency (cycles a row, 0 to 0.5), and the spectrum's kurtosis."""

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    window: int | str
    bands: tuple[tuple[float, ...], ...] = ((0.0, 0.125), (0.125, 0.25), (0.25, 0.5))
    kurtosis: bool = True
    channels: tuple[str, ...] = ()


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
class Derived:
    """One more signal, made of two channels of the same row: `ratio` first / second, or `difference` first - second.

    Missing where either is, and where a ratio's second is 0.
    """

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    name: str
    ratio: tuple[str, ...] = ()
    difference: tuple[str, ...] = ()


@dataclass(frozen=True)
class Regimes:
    """Operating regimes, told by setting channels in one of three ways. A row belongs to the nearest centre.

    levels: the centres, stated. round: the step that each setting is rounded to; what rounds alike in the train rows
    is a regime. clusters: so many groups, found in the train rows.
    """

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    channels: tuple[str, ...]
    levels: tuple[tuple[float, ...], ...] = ()
    round: tuple[float, ...] = ()
    clusters: int = 0
    keep: bool = False  # the settings are features too


@dataclass(frozen=True)
class Normalise:
    """Signals as z-scores, by what the train rows alone teach: of each regime, of the whole fleet without `regimes`.

    device: then less the device's own baseline (its first baseline_rows values), in sds within a device.
    """

    __pydantic_config__: typing.ClassVar[Any] = {"extra": "forbid"}

    regimes: Regimes | None = None
    device: bool = False


@dataclass(frozen=True)
class Norms:
    """What `Normalise` learnt: R regimes of K settings, S signals. `rows` of train rows tell what it stands on."""

    centres: tuple[tuple[float, ...], ...]  # (R, K)
    widths: tuple[float, ...]  # (K,) what a distance counts as 1
    mean: tuple[tuple[float, ...], ...]  # (R, S)
    sd: tuple[tuple[float, ...], ...]  # (R, S)
    device_sd: tuple[float, ...]  # (S,) about a device's own baseline; empty: not asked for
    rows: tuple[int, ...]  # (R,)


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
    derived: tuple[Derived, ...] = ()
    normalise: Normalise | None = None
    norms: Norms | None = None  # learnt, never stated
    trailing: tuple[Trailing, ...] = ()
    spectral: tuple[Spectral, ...] = ()
    ewma: tuple[float, ...] = ()  # weights of the newest value
    lags: tuple[int, ...] = ()  # rows
    calendar: tuple[Cycle, ...] = ()  # UTC, as sine and cosine
    reset: tuple[str, ...] = ()  # kinds of events with which a new life begins: windows, age and baseline start anew
    since: tuple[str, ...] = ()  # kinds of events: periods since the newest that was known
    baseline_rows: int = 0  # rows of a device's first life that make its own baseline; 0: no deviation
    age: bool = True  # periods since commissioning, or since a reset
    missing: bool = True  # one 0/1 a channel: not measured in this slot
    min_rows: int = 1  # no answer below this many rows since the last reset
    sequence: Sequence = field(default_factory=Sequence)

    @property
    def signals(self) -> tuple[str, ...]:
        """What features are made of: the channels, without settings that only tell the regime, and the derived ones."""
        regimes = self.normalise.regimes if self.normalise else None
        dropped = regimes.channels if regimes is not None and not regimes.keep else ()
        return (*(c for c in self.channels if c not in dropped), *(d.name for d in self.derived))

    def rows_of(self, window: int | str) -> int:
        """A window in rows, at least 1. Raises ValueError if it is neither rows nor a time."""
        if isinstance(window, int):
            return window
        unit = window.lstrip("0123456789.")
        _require(unit in SECONDS and len(unit) < len(window), f"window {window!r} is neither rows nor a time like 6h")
        return max(1, round(float(window.removesuffix(unit)) * SECONDS[unit] / self.period_s))

    def __post_init__(self) -> None:
        """Raises ValueError naming the key that cannot be computed."""
        _require(len(self.channels) > 0, "channels must name at least one channel")
        _require(len(set(self.channels)) == len(self.channels), "channels must not name a channel twice")
        _require(self.period_s >= 1e-3, "period_s must be at least 0.001")
        _require(self.fill >= 0 and self.late_s >= 0, "fill and late_s must not be negative")
        _require(self.baseline_rows >= 0, "baseline_rows must not be negative")
        _require(min(self.min_rows, self.sequence.steps) >= 1, "min_rows and sequence.steps must be at least 1")
        _require(self.spike is None or self.spike.window >= 1, "spike.window must be at least 1 value")
        _check_signals(self)
        _check_kinds(self)


def _check_signals(spec: FeatureSpec) -> None:
    """Derived signals and regimes name channels that are there."""
    names = [*spec.channels, *(derived.name for derived in spec.derived)]
    _require(len(set(names)) == len(names), "derived must not name a signal twice, or as a channel is named")
    for derived in spec.derived:
        one_form = (len(derived.ratio), len(derived.difference)) in ((2, 0), (0, 2))
        _require(one_form, f"derived.{derived.name} needs two channels as either ratio or difference")
        _check_known(spec, (*derived.ratio, *derived.difference), f"derived.{derived.name}")
    if spec.normalise is None:
        return
    _require(not spec.normalise.device or spec.baseline_rows > 0, "normalise.device needs baseline_rows")
    if spec.normalise.regimes is not None:
        _check_regimes(spec, spec.normalise.regimes)
    _require(len(spec.signals) > 0, "normalise.regimes leaves no channel to make features of")


def _check_regimes(spec: FeatureSpec, regimes: Regimes) -> None:
    count = len(regimes.channels)
    _require(count > 0, "normalise.regimes.channels must name at least one channel")
    _check_known(spec, regimes.channels, "normalise.regimes.channels")
    forms = (len(regimes.levels) > 0) + (len(regimes.round) > 0) + (regimes.clusters > 0)
    _require(forms == 1, "normalise.regimes needs exactly one of levels, round, clusters")
    same = len(regimes.round) in (0, count) and all(len(level) == count for level in regimes.levels)
    _require(same, "normalise.regimes: round, and each of levels, must have one number a channel")
    _require(all(step > 0 for step in regimes.round), "normalise.regimes.round must be above 0")


def _check_known(spec: FeatureSpec, names: tuple[str, ...], key: str) -> None:
    for name in names:
        _require(name in spec.channels, f"{key} names {name!r}, which is none of channels")


def _check_chosen(spec: FeatureSpec, names: tuple[str, ...], key: str) -> None:
    for name in names:
        _require(name in spec.signals, f"{key} names {name!r}, which is no signal; there are {', '.join(spec.signals)}")


def _check_kinds(spec: FeatureSpec) -> None:
    """What a kind of feature needs is there."""
    for trailing in spec.trailing:
        rows = [spec.rows_of(window) for window in trailing.windows]
        _require(min(rows, default=1) >= 1, "trailing.windows must be at least 1 row")
        _check_chosen(spec, trailing.channels, "trailing.channels")
        own = "deviation" in trailing.stats
        _require(not own or spec.baseline_rows > 0, "trailing.stats names 'deviation', which needs baseline_rows")
    for spectral in spec.spectral:
        _require(spec.rows_of(spectral.window) >= 8, "spectral.window must be at least 8 rows")
        ordered = all(len(band) == 2 and 0 <= band[0] < band[1] <= 0.5 for band in spectral.bands)
        _require(ordered, "spectral.bands must each be two rising frequencies from 0 to 0.5 cycles a row")
        _check_chosen(spec, spectral.channels, "spectral.channels")
    _require(all(0 < weight <= 1 for weight in spec.ewma), "ewma weights must lie above 0 and at most at 1")
    _require(len(set(spec.ewma)) == len(spec.ewma), "ewma must not name a weight twice")
    _require(all(lag >= 1 for lag in spec.lags), "lags must be at least 1 row")
    left_out = {
        "deviation": not spec.baseline_rows,
        "ewma": not spec.ewma,
        "age": not spec.age,
        "missing": not spec.missing,
        "since": not spec.since,
        "calendar": not spec.calendar,
    }
    for name in spec.sequence.inputs:
        asked = f"sequence.inputs names {name!r}, which the features leave out"
        _require(not left_out.get(name, False), asked)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(rule)
