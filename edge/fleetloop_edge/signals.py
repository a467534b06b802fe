"""Channels of a row to signals: derived ones beside them, each as a z-score of its operating regime where asked for.

One definition for one row and for many: elementwise, float64 inside, float32 out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.feature_spec import FeatureSpec, Norms, Regimes

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]


def regime_of(settings: Float32, centres: Float, widths: Float) -> NDArray[np.int64]:
    """(n,) number of the nearest of R centres (R, K) to each row's settings (n, K); -1 where none is known.

    A missing setting does not count; of equally near centres it is the first.
    """
    distance = np.zeros((len(settings), len(centres)))
    for k in range(centres.shape[1]):
        away = (settings[:, k, None].astype(np.float64) - centres[:, k]) / widths[k]
        distance += np.where(np.isnan(away), 0.0, away * away)
    nearest = np.argmin(distance, axis=1)
    unknown = np.isnan(settings).all(axis=1) & (centres.shape[1] > 0)
    found: NDArray[np.int64] = np.where(unknown, -1, nearest)
    return found


class Signals:
    """What features are made of, from a row's channels. Raises ValueError where `spec.normalise` was not learnt yet."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._raw = RawSignals(spec)
        if spec.normalise is not None and spec.norms is None:
            raise ValueError("the features are to be normalised, but nothing was learnt yet: norms are missing")
        self._scale = None if spec.norms is None else _Scale(spec, spec.norms)
        self.plain = self._raw.plain and self._scale is None  # channels are the signals

    def apply(self, values: Float32) -> Float32:
        """(n, S) signals of rows (n, C); NaN where unknown."""
        raw = self._raw.apply(values)
        return raw if self._scale is None else self._scale.apply(values, raw)

    def measured(self, measured: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(n, S) which signals were measured; (n, C) which channels were."""
        return self._raw.measured(measured)


class RawSignals:
    """Signals in their own units: channels and derived ones."""

    def __init__(self, spec: FeatureSpec) -> None:
        place = {name: i for i, name in enumerate(spec.channels)}
        self._channels = [place[name] for name in spec.signals if name in place]
        self._derived = [(bool(d.ratio), *(place[name] for name in (d.ratio or d.difference))) for d in spec.derived]
        self.plain = self._channels == list(range(len(spec.channels))) and not self._derived

    def apply(self, values: Float32) -> Float32:
        """(n, S) of rows (n, C)."""
        if self.plain:
            return values
        out = np.empty((len(values), len(self._channels) + len(self._derived)), dtype=np.float32)
        out[:, : len(self._channels)] = values[:, self._channels]
        for i, (ratio, first, second) in enumerate(self._derived, len(self._channels)):
            one, other = values[:, first].astype(np.float64), values[:, second].astype(np.float64)
            out[:, i] = one / np.where(other == 0, np.nan, other) if ratio else one - other
        return out

    def measured(self, measured: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(n, S) of (n, C): a derived signal was measured where both its channels were."""
        if self.plain:
            return measured
        pairs = [measured[:, first] & measured[:, second] for _, first, second in self._derived]
        return np.concatenate([measured[:, self._channels], *(pair[:, None] for pair in pairs)], axis=1)


class _Scale:
    """Z-scores by regime."""

    def __init__(self, spec: FeatureSpec, norms: Norms) -> None:
        regimes = spec.normalise.regimes if spec.normalise is not None else None
        self._settings = settings_of(spec, regimes)
        self._centres = np.array(norms.centres, dtype=np.float64).reshape(len(norms.mean), len(self._settings))
        self._widths = np.array(norms.widths, dtype=np.float64)
        nothing = np.full((1, len(spec.signals)), np.nan)  # of regime -1
        self._mean = np.concatenate([np.array(norms.mean, dtype=np.float64), nothing])
        self._sd = np.concatenate([np.array(norms.sd, dtype=np.float64), nothing])

    def apply(self, values: Float32, raw: Float32) -> Float32:
        """(n, S) z-scores of signals (n, S) of rows (n, C)."""
        regime = regime_of(values[:, self._settings], self._centres, self._widths)
        scaled: Float32 = ((raw - self._mean[regime]) / self._sd[regime]).astype(np.float32)
        return scaled


def settings_of(spec: FeatureSpec, regimes: Regimes | None) -> list[int]:
    """Places of the setting channels among the channels."""
    return [spec.channels.index(name) for name in (regimes.channels if regimes is not None else ())]
