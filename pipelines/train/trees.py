"""LightGBM over trailing features: the baseline that a network has to beat."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fleetloop_edge.scale import Scaler
from pipelines.errors import DataError
from pipelines.files import read_json, write_bytes, write_json
from pipelines.params import LightGBMSpec
from pipelines.train.model import Answer, CurvePoint, Inputs, shares
from pipelines.train.useless import Useless, find_useless
from pipelines.train.windows import Windows

if TYPE_CHECKING:
    import onnx

MODEL_FILE, FACTS_FILE = "model.txt", "model.json"
CHUNK = 65_536
"""Rows that are predicted at once."""


@dataclass
class Trees:
    """Gradient-boosted trees; a fixed number of them, no early stopping, missing values left to the trees."""

    answer: Answer
    spec: LightGBMSpec
    seed: int = 0
    threads: int = 1
    booster: Any = None
    names: tuple[str, ...] = ()
    useless: Useless = field(default_factory=Useless)  # of the names: left out of the trees
    points: list[CurvePoint] = field(default_factory=list)

    kind = "lightgbm"
    inputs: Inputs = "features"

    @property
    def scaler(self) -> Scaler | None:
        return None

    @property
    def curve(self) -> list[CurvePoint]:
        return self.points

    def fit(self, train: Windows, valid: Windows) -> None:
        import lightgbm

        from pipelines.train.trees_rows import dataset

        train, valid = train.learnable(), valid.known()
        self.names, self.useless = train.names, find_useless(train)
        if not self._kept().size:
            raise DataError(
                f"none of the {len(self.names)} features moves over the train rows: there is nothing to learn"
            )
        data = dataset(train, self._kept())
        watched, labels = [data], ["train"]
        if len(valid):
            watched.append(dataset(valid, self._kept(), data))
            labels.append("valid")
        self.points = []
        self.booster = lightgbm.train(self._params(), data, self.spec.trees, watched, labels, callbacks=[self._follow])

    def predict(self, windows: Windows) -> NDArray[np.float32]:
        out, kept = np.empty((len(windows), 1), dtype=np.float32), self._kept()
        for first in range(0, len(windows), CHUNK):
            part = slice(first, first + CHUNK)
            table = windows.features[windows.end[part]][:, kept]
            raw = self._fitted().predict(table, raw_score=True, num_threads=self.threads)
            out[part] = self.answer.from_raw(np.asarray(raw))
        return out

    def _kept(self) -> NDArray[np.int64]:
        """(K,) the features that the trees are built of, by their place in `names`."""
        left_out = self.useless.names
        return np.array([i for i, name in enumerate(self.names) if name not in left_out], dtype=np.int64)

    def to_onnx(self) -> onnx.ModelProto:
        from pipelines.train.onnx_trees import trees_graph

        trees = self._fitted().dump_model()["tree_info"]
        return trees_graph(trees, self._kept().tolist(), len(self.names), self.answer)

    def save(self, folder: Path) -> None:
        write_bytes(folder / MODEL_FILE, self._fitted().model_to_string().encode())
        facts = {"answer": asdict(self.answer), "names": list(self.names), "spec": self.spec.model_dump()}
        facts["useless"] = self.useless.to_dict()
        write_json(folder / FACTS_FILE, facts | {"seed": self.seed, "threads": self.threads})

    @classmethod
    def load(cls, folder: Path, made_by: str) -> Trees:
        """The saved model. Raises DataError naming `made_by`, the command that makes it."""
        import lightgbm

        facts = read_json(folder / FACTS_FILE, made_by)
        try:
            booster = lightgbm.Booster(model_str=(folder / MODEL_FILE).read_text())
        except (OSError, lightgbm.basic.LightGBMError) as error:
            raise DataError(f"{folder / MODEL_FILE} cannot be read ({error}); make it with `{made_by}`") from None
        return cls(
            Answer(**facts["answer"]),
            LightGBMSpec(**facts["spec"]),
            facts["seed"],
            facts["threads"],
            booster,
            tuple(facts["names"]),
            Useless.from_dict(facts["useless"]),
        )

    def importance(self) -> dict[str, float]:
        """Share of each feature in the gain of all splits."""
        names = tuple(self.names[i] for i in self._kept())
        return shares(names, self._fitted().feature_importance("gain"))

    def _params(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "objective": "binary" if self.answer.binary else "regression",
            "metric": "binary_logloss" if self.answer.binary else "l2",
            "num_leaves": spec.leaves,
            "learning_rate": spec.learning_rate,
            "min_data_in_leaf": spec.min_leaf,
            "bagging_fraction": spec.row_share,
            "bagging_freq": 1,
            "feature_fraction": spec.feature_share,
            "lambda_l2": spec.l2,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _follow(self, env: Any) -> None:
        """Keep the curve, and tell of progress at every tenth of the trees."""
        step, total = env.iteration + 1, self.spec.trees
        tenth = max(1, total // 10)
        if step % tenth and step != total:
            return
        losses = {split: loss for split, _, loss, *_ in env.evaluation_result_list}
        self.points += [CurvePoint(step, split, loss) for split, loss in losses.items()]
        print(
            f"lightgbm {step}/{total} trees, loss " + ", ".join(f"{s} {v:.4g}" for s, v in losses.items()), flush=True
        )

    def _fitted(self) -> Any:
        if self.booster is None:
            raise DataError("the LightGBM model was not fitted; call fit or load first")
        return self.booster
