"""An ONNX model on the device: one thread, one answer a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from fleetloop_edge.errors import BundleRejected

INPUT = "x"
OUTPUT = "score"


class OnnxModel:
    """A graph with the input `x` and the output `score`, run on the CPU by one thread.

    One thread: a gateway has other work, and the order of float sums must not depend on the number of cores.
    """

    def __init__(self, source: Path | bytes) -> None:
        """Raises BundleRejected if the runtime cannot load the graph or its input and output are not x and score."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        name = str(source) if isinstance(source, Path) else "the model"
        try:
            self._session: Any = ort.InferenceSession(
                source if isinstance(source, bytes) else str(source), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a class of its own for each of its status codes
            raise BundleRejected(f"{name} cannot be loaded: {_first_line(error)}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if [i.name for i in inputs] != [INPUT] or [o.name for o in outputs] != [OUTPUT]:
            raise BundleRejected(
                f"{name} has inputs {[i.name for i in inputs]} and outputs {[o.name for o in outputs]}; "
                f"expected [{INPUT!r}] and [{OUTPUT!r}]"
            )
        self.shape: tuple[Any, ...] = tuple(inputs[0].shape)

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (n,) in target units.

        x: (n, steps, inputs) scaled for sequence models, (n, features) raw for trees.
        """
        score = self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(x, dtype=np.float32)})[0]
        return np.asarray(score, dtype=np.float32).reshape(-1)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
