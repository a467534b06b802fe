"""Training of the recurrent network: device-balanced windows, AdamW, one-cycle rate, an average of the weights.

The last (averaged) weights are the model: no epoch is picked by its score. Deterministic for a seed and thread count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fleetloop_edge.scale import Scaler
from pipelines.params import RecurrentSpec
from pipelines.train.gather import gather, gather_targets
from pipelines.train.model import Answer, CurvePoint, shares
from pipelines.train.recurrent import CHUNK, Weights
from pipelines.train.recurrent_net import Net, predict_raw, torch_threads
from pipelines.train.streamed import room_for
from pipelines.train.windows import Windows

VALID_MAX = 2000
"""Windows of the valid devices that a point of the curve is drawn from."""
EFFECT_WINDOWS = 512
"""Windows that the inputs' effect is measured on."""
AHEAD = 64
"""Batches whose windows are settled at once."""


@dataclass(frozen=True)
class Fitted:
    """What training gives: weights whose head answers in target units, the curve, each input's share of the effect."""

    weights: Weights
    curve: list[CurvePoint]
    effect: dict[str, float]


@dataclass(frozen=True)
class Unit:
    """The network learns (target - mean) / sd; the head of the finished model undoes it."""

    mean: float
    sd: float

    @classmethod
    def of(cls, target: NDArray[np.float32], answer: Answer) -> Unit:
        """The known targets' own mean and deviation; a probability stays as it is."""
        if answer.binary:
            return cls(0.0, 1.0)
        values = target.astype(np.float64)
        return cls(float(values.mean()), float(values.std()) or 1.0)

    def unfold(self, weights: Weights) -> Weights:
        """The weights with a head that answers in target units."""
        head = weights["head.weight"].astype(np.float64) * self.sd
        bias = weights["head.bias"].astype(np.float64) * self.sd + self.mean
        return weights | {"head.weight": head.astype(np.float32), "head.bias": bias.astype(np.float32)}


class Batches:
    """Random windows with equal chances for every device, however long its history."""

    def __init__(self, windows: Windows, scaler: Scaler, unit: Unit, loss_steps: int, seed: int) -> None:
        self.windows = windows
        self.rng = np.random.default_rng(seed)
        self.order = np.argsort(windows.device, kind="stable")
        _, self.first, self.count = np.unique(windows.device[self.order], return_index=True, return_counts=True)
        self.scaled = _scaled(windows.inputs, scaler)
        self.target = np.full(len(windows.inputs), np.nan, dtype=np.float32)
        self.target[windows.end] = (windows.target - unit.mean) / unit.sd
        self.loss_steps = min(loss_steps, windows.spec.sequence.steps)

    def draw(self, count: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """`count` times scaled inputs (size, steps, I), and targets (size, loss_steps) of the last rows, NaN = unknown.

        Each batch writes over the one before. Which windows come is settled for AHEAD batches at once: between two
        training steps, which leave no cache warm, the same few calls take four times as long.
        """
        sequence = self.windows.spec.sequence
        inputs = np.empty((size, sequence.steps, self.scaled.shape[1]), dtype=np.float32)
        target = np.empty((size, self.loss_steps), dtype=np.float32)
        batch = torch.from_numpy(inputs), torch.from_numpy(target)
        for done in range(0, count, AHEAD):
            for end, start in [self._choose(size) for _ in range(min(AHEAD, count - done))]:
                gather(self.scaled, end, start, sequence.pad == "first", inputs)
                gather_targets(self.target, end, start, target)
                yield batch

    def _choose(self, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The last rows (size,) of random windows, and the first rows that they may reach."""
        device = self.rng.integers(len(self.first), size=size)
        which = self.order[self.first[device] + (self.rng.random(size) * self.count[device]).astype(np.int64)]
        return self.windows.end[which], self.windows.start[which]


def _scaled(inputs: NDArray[np.float32], scaler: Scaler) -> NDArray[np.float32]:
    """Inputs (rows, I) scaled, some at a time."""
    scaled = room_for(*inputs.shape)
    for first in range(0, len(inputs), CHUNK):
        scaled[first : first + CHUNK] = scaler.apply(inputs[first : first + CHUNK])
    return scaled


def fit(
    spec: RecurrentSpec,
    answer: Answer,
    seed: int,
    threads: int,
    scaler: Scaler,
    train: Windows,
    valid: Windows,
) -> Fitted:
    """Train on windows whose targets are known. Prints a line at every tenth of the steps."""
    unit = Unit.of(train.target, answer)
    batches = Batches(train, scaler, unit, spec.loss_steps, seed)
    shown = valid.take(np.linspace(0, len(valid) - 1, min(len(valid), VALID_MAX)).astype(np.int64))
    with torch_threads(threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        run = _Run(Net(spec, train.inputs.shape[1]), spec, answer, unit)
        for step, batch in enumerate(batches.draw(spec.steps, spec.batch), 1):
            run.learn(*batch)
            if step % max(1, spec.steps // 10) == 0 or step == spec.steps:
                run.report(step, threads, shown, scaler)
        effect = _effect(run.averaged(), batches, train.input_names)
    return Fitted(unit.unfold(run.average), run.curve, effect)


class _Run:
    """The state of one training: network, optimiser, averaged weights, curve."""

    def __init__(self, net: Net, spec: RecurrentSpec, answer: Answer, unit: Unit) -> None:
        self.net, self.spec, self.answer, self.unit = net, spec, answer, unit
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)
        self.rate = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, spec.learning_rate, total_steps=spec.steps)
        self.average = net.weights()
        self.losses: list[float] = []
        self.curve: list[CurvePoint] = []

    def learn(self, x: Tensor, target: Tensor) -> None:
        """One optimiser step, then one step of the weights' moving average."""
        known = torch.isfinite(target)
        raw = self.net(x)[:, -target.shape[1] :][known]
        measure = functional.binary_cross_entropy_with_logits if self.answer.binary else functional.mse_loss
        loss = measure(raw, target[known])
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.rate.step()
        self.losses.append(float(loss.detach()))
        decay = self.spec.average
        for name, value in self.net.state_dict().items():
            self.average[name] = np.float32(decay) * self.average[name] + np.float32(1 - decay) * value.numpy()

    def report(self, step: int, threads: int, valid: Windows, scaler: Scaler) -> None:
        """Add a point to the curve and print it; losses are in the task's own unit."""
        scale = 1.0 if self.answer.binary else self.unit.sd**2
        self.curve.append(CurvePoint(step, "train", float(np.mean(self.losses)) * scale))
        self.losses.clear()
        line = f"{self.spec.kind} {step}/{self.spec.steps} steps, loss train {self.curve[-1].loss:.4g}"
        if len(valid):
            raw = predict_raw(self.spec, self.unit.unfold(self.average), threads, valid, scaler)
            self.curve.append(CurvePoint(step, "valid", self.answer.loss(valid.target, self.answer.from_raw(raw))))
            line += f", valid {self.curve[-1].loss:.4g}"
        print(line, flush=True)

    def averaged(self) -> Net:
        """The network with the averaged weights."""
        self.net.load_state_dict({name: torch.from_numpy(value) for name, value in self.average.items()})
        return self.net.eval()


def _effect(net: Net, batches: Batches, names: tuple[str, ...]) -> dict[str, float]:
    """Share of each input in the mean absolute change of the answer, the input moving by one sd over the window."""
    x, _ = next(batches.draw(1, EFFECT_WINDOWS))
    x.requires_grad_(True)
    net(x)[:, -1].sum().backward()
    assert x.grad is not None
    return shares(names, x.grad.sum(dim=1).abs().mean(dim=0).numpy().astype(np.float64))
