"""The stage `evaluate`: where its inputs are and where its outputs go."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from pipelines.evaluate.card import model_card
from pipelines.evaluate.feature_report import feature_files
from pipelines.evaluate.judgement import Judgement, Question, judge_models, judgement_files
from pipelines.evaluate.scores import CANDIDATES, MODELS, outcome, score_sides
from pipelines.features import read_spec
from pipelines.files import Place, replacing_folder, write_bytes, write_json, write_table
from pipelines.ingest import read_devices
from pipelines.params import load_params
from pipelines.report.page import Figure, Page
from pipelines.report.render import to_html, to_markdown
from pipelines.split import stream_aligned
from pipelines.train import Model, load_models, load_trees, load_windows


def main(place: Place, name: str) -> None:
    """Score, learn thresholds, judge, write the card. Gates that fail are written, not raised: export refuses."""
    case = load_params(place.root).use_case(name)
    spec = read_spec(place, name)
    ask = Question(name, case.title, case.task, case.evaluate, case.decision, spec.period_s, case.train.seed)
    models = load_models(place, name)
    windows = partial(load_windows, place, name)
    of_grid, of_targets = ["device", "time", "segment", *spec.channels], ["healthy"]
    scores = score_sides(windows, models, partial(stream_aligned, place, name, of_grid, of_targets), spec.channels)
    kinds = {model: models[model].kind for model in MODELS}
    found = judge_models(scores, kinds, read_devices(place, case.dataset), ask)
    page = model_card(scores, found, ask, {m: models[m].importance() for m in CANDIDATES}, _curves(place, name))
    _write(place, name, scores, found, page, _truth(scores, models, ask))
    with replacing_folder(place.room(name, "evaluate") / "features") as folder:
        for file, content in feature_files(name, windows("train"), load_trees(place, name)).items():
            (folder / file).write_bytes(content)


def _curves(place: Place, name: str) -> dict[str, pd.DataFrame]:
    folder = place.room(name, "train")
    return {model: pd.read_csv(folder / f"{model}_curve.csv") for model in CANDIDATES}


def _truth(scores: pd.DataFrame, models: Mapping[str, Model], ask: Question) -> pd.DataFrame:
    """Prediction against truth for `dvc plots`: last rows of the test devices; a thousand rows of a binary task."""
    test = scores[(scores["side"] == "test") & np.isfinite(scores["target"])].reset_index(drop=True)
    rows = np.flatnonzero(outcome(test, MODELS[0]).last)
    if ask.task.objective == "binary":
        rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), 1000)).astype(np.int64))
    part = test.iloc[rows]
    parts = [pd.DataFrame({"truth": part["target"], "predicted": part[m], "model": models[m].kind}) for m in MODELS]
    return pd.concat(parts, ignore_index=True)


def _write(place: Place, name: str, scores: pd.DataFrame, found: Judgement, page: Page, truth: pd.DataFrame) -> None:
    folder = place.room(name, "evaluate")
    write_table(folder / "predictions.parquet", scores)
    for file, value in judgement_files(found).items():
        write_json(folder / f"{file}.json", value)
    write_bytes(folder / "truth.csv", truth.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    with replacing_folder(folder / "card") as card:
        (card / "index.html").write_text(to_html(page))
        (card / "card.md").write_text(to_markdown(page))
        write_json(card / "slices.json", found.slices)
        for block in (block for section in page.sections for block in section.blocks):
            if isinstance(block, Figure):
                (card / f"{block.name}.svg").write_text(block.svg)
