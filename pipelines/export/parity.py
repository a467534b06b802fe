"""What the device answers against what the training model answered, on devices that nothing was learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.errors import Refused
from pipelines.evaluate import actions, find_lives
from pipelines.export.graphs import Exported
from pipelines.export.replay import Replayed
from pipelines.report.words import number


@dataclass(frozen=True)
class Parity:
    """Scores (n,) of two ways to the same rows. rms, max: score units. flipped: share of rows decided otherwise."""

    rms: float
    max: float
    flipped: float
    worst_device: str
    worst_device_max: float


@dataclass(frozen=True)
class ParityReport:
    """edge: graph ("sequence.int8") -> against the training model; int8: model -> int8 against float32, on the device.

    unmatched: rows that only one of the two ways scored; 0, or features or grid differ.
    """

    devices: int
    rows: int
    unmatched: int
    edge: dict[str, Parity]
    int8: dict[str, Parity]


def compare(
    replayed: Replayed, predictions: pd.DataFrame, exported: Mapping[str, Exported], period_s: float
) -> ParityReport:
    """Match the replay with the test side's predictions row by row and compare scores and decisions."""
    batch = _batch_decisions(predictions, exported, period_s)
    seen = replayed.scored.groupby("device")["time"].max()
    batch = batch[batch["device"].isin(seen.index)]
    batch = batch[~batch["device"].isin(replayed.cut) | (batch["time"] <= batch["device"].map(seen))]
    both = replayed.scored.merge(batch, on=["device", "time"], how="outer", indicator=True)
    matched = both[both["_merge"] == "both"]
    edge, int8 = {}, {}
    for name, model in exported.items():
        for precision in model.graphs:
            edge[f"{name}.{precision}"] = _parity(matched, f"{name}.{precision}", f"{name}.trained")
        if "int8" in model.graphs:
            int8[name] = _parity(matched, f"{name}.int8", f"{name}.float32")
    return ParityReport(len(seen), len(matched), int(len(both) - len(matched)), edge, int8)


def _batch_decisions(predictions: pd.DataFrame, exported: Mapping[str, Exported], period_s: float) -> pd.DataFrame:
    test = predictions[predictions["side"] == "test"].reset_index(drop=True)
    fresh = find_lives(test, period_s).fresh
    columns: dict[str, NDArray[np.generic] | pd.Series] = {"device": test["device"], "time": test["time"]}
    for name, model in exported.items():
        columns[f"{name}.trained"] = test[name]
        columns[f"{name}.trained.acts"] = actions(test, name, model.learnt.decision, fresh)
    return pd.DataFrame(columns)


def _parity(matched: pd.DataFrame, one: str, other: str) -> Parity:
    if matched.empty:
        return Parity(0.0, 0.0, 0.0, "", 0.0)
    apart = np.abs(matched[one].to_numpy(dtype=np.float64) - matched[other].to_numpy(dtype=np.float64))
    by_device = pd.Series(apart).groupby(matched["device"].to_numpy()).max()
    flipped = matched[f"{one}.acts"].to_numpy(dtype=bool) != matched[f"{other}.acts"].to_numpy(dtype=bool)
    worst = str(by_device.idxmax())
    return Parity(
        float(np.sqrt(np.mean(apart**2))), float(apart.max()), float(flipped.mean()), worst, float(by_device[worst])
    )


def assert_parity(found: ParityReport, exported: Mapping[str, Exported], error_max: float) -> None:
    """Raise Refused where the device's own code does not give the training model's answers in float32."""
    if found.unmatched:
        raise Refused(
            f"parity: {found.unmatched} of {found.rows + found.unmatched} rows of held-out devices were scored by only "
            f"one of history and device; their grids differ, so nothing may ship"
        )
    for name in exported:
        parity = found.edge[f"{name}.float32"]
        if parity.max > error_max:
            raise Refused(
                f"parity: on device {parity.worst_device} the runtime's {name} score differs by {number(parity.max)} "
                f"from the training model's, above {error_max:g} (export.parity_error_max), so nothing may ship"
            )
