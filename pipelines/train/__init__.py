"""Train: features to the naive answer and LightGBM, sequences to GRU or LSTM; all behind one interface."""

from pipelines.train.build import MODELS
from pipelines.train.load import Side, load_models, load_trees, load_windows, windows_of
from pipelines.train.model import Answer, CurvePoint, Inputs, Model
from pipelines.train.trees import Trees
from pipelines.train.windows import Held, Windows

__all__ = [
    "MODELS",
    "Answer",
    "CurvePoint",
    "Held",
    "Inputs",
    "Model",
    "Side",
    "Trees",
    "Windows",
    "load_models",
    "load_trees",
    "load_windows",
    "windows_of",
]
