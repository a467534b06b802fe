"""The network in torch, and its raw answers over windows. Import it where torch is needed, nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fleetloop_edge.scale import Scaler
from pipelines.params import RecurrentSpec
from pipelines.train.recurrent import Weights
from pipelines.train.windows import Windows

CHUNK = 2048
"""Windows that are gathered and predicted at once: memory does not grow with the number of windows."""


class Net(nn.Module):
    """Recurrent layers and a linear head: (k, steps, I) → raw answers (k, steps)."""

    def __init__(self, spec: RecurrentSpec, width: int) -> None:
        super().__init__()
        layer = nn.GRU if spec.kind == "gru" else nn.LSTM
        between = spec.dropout if spec.layers > 1 else 0.0
        self.rnn = layer(width, spec.hidden, spec.layers, batch_first=True, dropout=between)
        self.drop = nn.Dropout(spec.dropout)
        self.head = nn.Linear(spec.hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rnn(x)
        raw: Tensor = self.head(self.drop(states))[..., 0]
        return raw

    def weights(self) -> Weights:
        """A copy of the weights by name."""
        return {name: value.detach().numpy().copy() for name, value in self.state_dict().items()}


def load_net(spec: RecurrentSpec, weights: Weights) -> Net:
    """The network with these weights, ready to answer."""
    net = Net(spec, weights["rnn.weight_ih_l0"].shape[1])
    net.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
    return net.eval()


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run with a stated number of threads: the sums, and so the last bits, depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def predict_raw(
    spec: RecurrentSpec, weights: Weights, threads: int, windows: Windows, scaler: Scaler
) -> NDArray[np.float32]:
    """Raw answers (n,) at each window's last row."""
    net = load_net(spec, weights)
    out = np.empty(len(windows), dtype=np.float32)
    with torch_threads(threads), torch.inference_mode():
        for first in range(0, len(windows), CHUNK):
            which = np.arange(first, min(first + CHUNK, len(windows)))
            states, _ = net.rnn(torch.from_numpy(windows.gather(which, scaler)))
            out[which] = net.head(states[:, -1])[:, 0].numpy()
    return out
