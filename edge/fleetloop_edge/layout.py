"""Where each feature stands in the feature vector, and what it is called: one list that all else is derived from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.feature_spec import FeatureSpec

CORE = ("mean", "std", "slope", "min", "max", "range", "delta", "deviation")
"""Statistics that `fleetloop_edge.trailing` keeps up row by row; the others are taken of the window's rows."""


@dataclass(frozen=True)
class Block:
    """Columns first .. first + width of the feature vector: one feature of some signals, or one of none.

    kind: value, missing, deviation, ewma, age, core, shape, lag, spectral, since or calendar.
    """

    kind: str
    first: int
    names: tuple[str, ...]
    signals: tuple[int, ...] = ()  # one column each
    what: str = ""  # the statistic, the event, the cycle
    rows: int = 0  # of the window, or back
    number: float = 0.0  # the weight
    band: tuple[float, ...] = ()

    @property
    def columns(self) -> slice:
        return slice(self.first, self.first + len(self.names))


def blocks(spec: FeatureSpec) -> tuple[Block, ...]:
    """The feature vector, block by block."""
    found: list[Block] = []
    first = 0
    for make in (_rows, _windows, _lags, _spectra, _of_device):
        for block in make(spec):
            found.append(Block(**{**vars(block), "first": first}))
            first += len(block.names)
    return tuple(found)


def feature_names(spec: FeatureSpec) -> tuple[str, ...]:
    """The F feature names: pressure.value, pressure.ewma.0.1, age, pressure.mean.48, vibration.band.0-0.1.64."""
    return tuple(name for block in blocks(spec) for name in block.names)


def input_columns(spec: FeatureSpec) -> NDArray[np.int64]:
    """(I,) the feature columns that feed the sequence model, in the order of spec.sequence.inputs."""
    columns = [
        np.arange(block.first, block.first + len(block.names), dtype=np.int64)
        for kind in spec.sequence.inputs
        for block in blocks(spec)
        if block.kind == kind
    ]
    return np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)


def has_deviation(spec: FeatureSpec) -> bool:
    """Whether a signal less the device's own baseline is a feature of its own; normalised by device all values are."""
    return spec.baseline_rows > 0 and not (spec.normalise is not None and spec.normalise.device)


def _of(spec: FeatureSpec, kind: str, suffix: str, channels: tuple[str, ...] = (), **more: object) -> Block:
    """A block with a column for each of the signals, all where `channels` is empty."""
    places = tuple(i for i, name in enumerate(spec.signals) if not channels or name in channels)
    names = tuple(f"{spec.signals[i]}.{suffix}" for i in places)
    return Block(kind, 0, names, places, **more)  # type: ignore[arg-type]


def _rows(spec: FeatureSpec) -> Iterator[Block]:
    yield _of(spec, "value", "value")
    if spec.missing:
        yield _of(spec, "missing", "missing")
    if has_deviation(spec):
        yield _of(spec, "deviation", "deviation")
    for weight in spec.ewma:
        yield _of(spec, "ewma", f"ewma.{weight:g}", number=weight)
    if spec.age:
        yield Block("age", 0, ("age",))


def _windows(spec: FeatureSpec) -> Iterator[Block]:
    """A statistic of a window named twice is one feature, of all the signals that either names."""
    labels: dict[tuple[int, str], str] = {}
    of: dict[tuple[int, str], set[str]] = {}
    for trailing in spec.trailing:
        for window in trailing.windows:
            for stat in trailing.stats:
                key = (spec.rows_of(window), stat)
                labels.setdefault(key, str(window))
                of.setdefault(key, set()).update(trailing.channels or spec.signals)
    for (rows, what), label in labels.items():
        kind = "core" if what in CORE else "shape"
        yield _of(spec, kind, f"{what}.{label}", tuple(of[rows, what]), what=what, rows=rows)


def _lags(spec: FeatureSpec) -> Iterator[Block]:
    for lag in dict.fromkeys(spec.lags):
        yield _of(spec, "lag", f"lag.{lag}", rows=lag)


def _spectra(spec: FeatureSpec) -> Iterator[Block]:
    for spectral in dict.fromkeys(spec.spectral):
        rows, label, channels = spec.rows_of(spectral.window), spectral.window, spectral.channels
        for band in spectral.bands:
            name = f"band.{band[0]:g}-{band[1]:g}.{label}"
            yield _of(spec, "spectral", name, channels, what="band", rows=rows, band=band)
        if spectral.kurtosis:
            yield _of(spec, "spectral", f"spectral_kurtosis.{label}", channels, what="kurtosis", rows=rows)


def _of_device(spec: FeatureSpec) -> Iterator[Block]:
    for event in dict.fromkeys(spec.since):
        yield Block("since", 0, (f"since.{event}",), what=event)
    for cycle in dict.fromkeys(spec.calendar):
        yield Block("calendar", 0, (f"{cycle}.sin", f"{cycle}.cos"), what=cycle)
