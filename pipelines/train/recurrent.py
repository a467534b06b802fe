"""GRU and LSTM over the last rows of a device. Weights are numpy here; torch is loaded to train and to predict."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.scale import Scaler
from pipelines.errors import DataError
from pipelines.files import read_json, write_bytes, write_json
from pipelines.params import RecurrentSpec
from pipelines.train.model import Answer, CurvePoint, Inputs
from pipelines.train.windows import Windows

if TYPE_CHECKING:
    import onnx

WEIGHTS_FILE, FACTS_FILE = "weights.npz", "model.json"

CHUNK = 65_536
"""Rows that are looked at at once."""

Weights = dict[str, NDArray[np.float32]]
"""torch's names and layouts: rnn.weight_ih_l0 (G x H, I), rnn.weight_hh_l0, rnn.bias_ih_l0, …, head.weight (1, H)."""


@dataclass
class Recurrent:
    """A recurrent network with a linear head; `spec.kind` says GRU or LSTM. The head answers in target units."""

    answer: Answer
    spec: RecurrentSpec
    seed: int = 0
    threads: int = 1
    steps: int = 0  # rows a window
    scaling: Scaler | None = None
    weights: Weights = field(default_factory=dict)
    effect: dict[str, float] = field(default_factory=dict)
    points: list[CurvePoint] = field(default_factory=list)

    inputs: Inputs = "sequence"

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def scaler(self) -> Scaler | None:
        return self.scaling

    @property
    def curve(self) -> list[CurvePoint]:
        return self.points

    def fit(self, train: Windows, valid: Windows) -> None:
        from pipelines.train.recurrent_fit import fit

        train, valid = train.learnable(), valid.known()
        self.steps = train.spec.sequence.steps
        self.scaling = fit_scaler(train.inputs, train.end)
        fitted = fit(self.spec, self.answer, self.seed, self.threads, self.scaling, train, valid)
        self.weights, self.points, self.effect = fitted.weights, fitted.curve, fitted.effect

    def predict(self, windows: Windows) -> NDArray[np.float32]:
        from pipelines.train.recurrent_net import predict_raw

        raw = predict_raw(self.spec, self._fitted(), self.threads, windows, self._scaler())
        return self.answer.from_raw(raw)

    def to_onnx(self) -> onnx.ModelProto:
        from pipelines.train.onnx_recurrent import recurrent_graph

        return recurrent_graph(self.spec.kind, self.spec.layers, self._fitted(), self.steps, self.answer)

    def save(self, folder: Path) -> None:
        write_bytes(folder / WEIGHTS_FILE, npz_bytes(self._fitted()))
        scaler = self._scaler()
        facts = {
            "answer": asdict(self.answer),
            "spec": self.spec.model_dump(),
            "seed": self.seed,
            "threads": self.threads,
            "steps": self.steps,
            "scaler": {"mean": list(scaler.mean), "sd": list(scaler.sd)},
            "importance": self.effect,
        }
        write_json(folder / FACTS_FILE, facts)

    @classmethod
    def load(cls, folder: Path, made_by: str) -> Recurrent:
        """The saved model. Raises DataError naming `made_by`, the command that makes it."""
        facts = read_json(folder / FACTS_FILE, made_by)
        try:
            with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as stored:
                weights = {name: stored[name] for name in stored.files}
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / WEIGHTS_FILE} cannot be read ({error}); make it with `{made_by}`") from None
        scaler = Scaler(tuple(facts["scaler"]["mean"]), tuple(facts["scaler"]["sd"]))
        effect = dict(sorted(facts["importance"].items(), key=lambda item: (-item[1], item[0])))
        spec, answer = RecurrentSpec(**facts["spec"]), Answer(**facts["answer"])
        return cls(answer, spec, facts["seed"], facts["threads"], facts["steps"], scaler, weights, effect)

    def importance(self) -> dict[str, float]:
        """Share of each input in how far the answer moves when an input moves by one standard deviation."""
        return self.effect

    def _fitted(self) -> Weights:
        if not self.weights:
            raise DataError(f"the {self.kind} model was not fitted; call fit or load first")
        return self.weights

    def _scaler(self) -> Scaler:
        if self.scaling is None:
            raise DataError(f"the {self.kind} model was not fitted; call fit or load first")
        return self.scaling


def fit_scaler(inputs: NDArray[np.float32], rows: NDArray[np.integer] | None = None) -> Scaler:
    """Mean and standard deviation of each column of inputs (n, I), missing values left out; a constant has sd 1.

    rows: those of inputs that count, all by default; some at a time are looked at, and their sums do not depend on it.
    """
    taken = np.arange(len(inputs)) if rows is None else rows
    chunks = [taken[first : first + CHUNK] for first in range(0, len(taken), CHUNK)]
    total, count, away = (np.zeros(inputs.shape[1]) for _ in range(3))
    for chunk in chunks:
        values, there = _known(inputs[chunk])
        total, count = _added(total, values), count + there.sum(axis=0)
    count = np.maximum(count, 1)
    mean = total / count
    for chunk in chunks:
        values, there = _known(inputs[chunk])
        away = _added(away, np.where(there, (values - mean) ** 2, 0.0))
    sd = np.sqrt(away / count)
    sd = np.where(sd < 1e-9 + 1e-7 * np.abs(mean), 1.0, sd)  # below float32's own grain there is no signal
    return Scaler(tuple(float(v) for v in mean), tuple(float(v) for v in sd))


def _known(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values with 0 for those that are missing, and which are not."""
    there = np.isfinite(inputs)
    return np.where(there, inputs, 0.0).astype(np.float64), there


def _added(total: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """total (I,) and the rows of values (n, I), one after another: the order of addition is that of one long table."""
    whole: NDArray[np.float64] = np.concatenate([total[None], values]).sum(axis=0)
    return whole


def npz_bytes(arrays: Weights) -> bytes:
    """An .npz of the arrays, in the order of their names; numpy writes no clock time into it."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: arrays[name] for name in sorted(arrays)})  # type: ignore[arg-type]
    return buffer.getvalue()
