"""A small fleet ready to be exported: telemetry, grid, windows, and models that obey the real interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd

from fleetloop_edge.features import feature_names, input_columns
from fleetloop_edge.scale import Scaler
from fleetloop_edge.spec import DecisionSpec
from pipelines.evaluate import ModelDecision
from pipelines.export.contents import Facts
from pipelines.export.graphs import predict
from pipelines.export.make import Material, Rules
from pipelines.features import build_grid
from pipelines.params import DecisionParams, ExportSpec
from pipelines.tasks import FailureWithinHorizon
from pipelines.train import Answer, Windows, windows_of
from pipelines.train.onnx_recurrent import recurrent_graph
from tests.builders import telemetry
from tests.builders.bundles import linear_table

SPEC = telemetry.SPEC
TASK = FailureWithinHorizon(horizon=8, healthy_beyond=10)


@dataclass
class FromGraph:
    """A model that is its own ONNX graph."""

    kind: str
    inputs: Any
    graph: onnx.ModelProto
    scaler: Scaler | None = None
    curve: list[Any] = field(default_factory=list)

    def fit(self, train: Windows, valid: Windows) -> None:
        raise AssertionError("an exported model is not fitted again")

    def predict(self, windows: Windows) -> np.ndarray:
        return predict(self.graph.SerializeToString(), self.inputs, self.scaler, windows)[:, None]

    def to_onnx(self) -> onnx.ModelProto:
        return self.graph

    def save(self, folder: Path) -> None:
        (folder / "model.onnx").write_bytes(self.graph.SerializeToString())

    def importance(self) -> dict[str, float]:
        return {}


def recurrent(kind: str = "gru", hidden: int = 8, layers: int = 1, seed: int = 0) -> onnx.ModelProto:
    """A recurrent graph of random weights over the telemetry's inputs, with a probability as its answer."""
    rng = np.random.default_rng(seed)
    gates, width, weights = {"gru": 3, "lstm": 4}[kind] * hidden, len(input_columns(SPEC)), {}
    for layer in range(layers):
        shapes = {"weight_ih": (gates, width if layer == 0 else hidden), "weight_hh": (gates, hidden)}
        shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        weights |= {f"rnn.{part}_l{layer}": rng.normal(0, 0.3, s).astype(np.float32) for part, s in shapes.items()}
    weights |= {"head.weight": rng.normal(0, 1, (1, hidden)).astype(np.float32), "head.bias": np.zeros(1, np.float32)}
    return recurrent_graph(kind, layers, weights, SPEC.sequence.steps, Answer(True, None, None))


def scaler() -> Scaler:
    width = len(input_columns(SPEC))
    return Scaler((1.0,) * width, (50.0,) * width)


def models() -> dict[str, Any]:
    """A recurrent and a table model; both say something, neither is right."""
    table = np.random.default_rng(1).normal(0, 1e-5, len(feature_names(SPEC)))
    return {
        "baseline": FromGraph("lightgbm", "features", linear_table(table)),
        "sequence": FromGraph("gru", "sequence", recurrent(), scaler()),
    }


def learnt(kind: str, threshold: float = 0.5) -> ModelDecision:
    rule = DecisionSpec("inspect", "above", threshold, 2, "failure within 8 hours", "", 0.6, 0.9)
    return ModelDecision(kind, rule, 0.1)


def material(devices: int = 6, rows: int = 40) -> Material:
    """Devices of which a third are held out, a third for calibration."""
    histories = [
        telemetry.device_rows(f"pump-{i}", rows, i, telemetry.Dirt(missing=0.1, delayed=0.1, lost=0.05))
        for i in range(devices)
    ]
    table = telemetry.table(row for history in histories for row in history)
    grid = build_grid(table, telemetry.nothing_rejected(), SPEC, telemetry.CHANNELS)
    targets = _targets(grid)
    sides = {side: windows_of(grid, targets, SPEC, side) for side in ("calibration", "test")}  # type: ignore[arg-type]
    made = models()
    predictions = pd.concat([_predictions(side, windows, grid, made) for side, windows in sides.items()])
    decisions = {name: learnt(model.kind) for name, model in made.items()}
    return Material(made, decisions, predictions.reset_index(drop=True), sides["calibration"], sides["test"], table)


def _targets(grid: pd.DataFrame) -> pd.DataFrame:
    last = grid.groupby("device")["time"].transform("max")
    life = (last - grid["time"]).dt.total_seconds().to_numpy() / SPEC.period_s
    side = [
        "calibration" if int(name[-1]) % 3 == 0 else "test" if int(name[-1]) % 3 == 1 else "train"
        for name in grid["device"]
    ]
    return pd.DataFrame({"side": side, "valid": False, "life": life, "target": (life <= 8).astype(np.float32)})


def _predictions(side: str, windows: Windows, grid: pd.DataFrame, made: dict[str, Any]) -> pd.DataFrame:
    at = grid.iloc[windows.row].reset_index(drop=True)
    frame = at[["device", "time", "segment"]].assign(side=side, life=windows.life, target=windows.target)
    frame["missing"] = at[list(SPEC.channels)].isna().mean(axis=1)
    return frame.assign(**{name: model.predict(windows)[:, 0] for name, model in made.items()})


def facts() -> Facts:
    return Facts(
        "pumps", {"kind": "failure_within_horizon"}, telemetry.CHANNELS, SPEC, {}, "p", "d", "c", {}, "# Card\n"
    )


def rules(**limits: Any) -> Rules:
    """Wide open, but for what the test sets."""
    wide = {"int8_score_error_max": 0.1, "int8_decisions_flipped_max": 1.0, "golden": 4, "parity_rows": 10_000}
    return Rules(TASK, DecisionParams(), ExportSpec(**(wide | limits)), 100, 0)
