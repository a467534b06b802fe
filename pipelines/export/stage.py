"""The stage `export`: where its inputs are and where its outputs go."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from fleetloop_edge import decoders
from fleetloop_edge.spec import FeatureSpec, canonical_json
from pipelines.errors import Refused
from pipelines.evaluate import CANDIDATES, read_decisions, read_gates, read_metrics, read_predictions
from pipelines.export.contents import Facts, files_hash, without_pictures
from pipelines.export.make import Made, Material, Rules, first_asked, make_bundle
from pipelines.export.pick import count_rows, pick_names
from pipelines.export.report import refusal
from pipelines.files import Place, replacing_folder, write_json
from pipelines.ingest import channels_of, compile_source, read_events, rows_by_bucket, stream_devices
from pipelines.params import DatasetSpec, UseCaseSpec, load_params
from pipelines.split import read_learnt_spec
from pipelines.train import load_models, load_windows
from pipelines.validate import read_rejected


def main(place: Place, name: str) -> None:
    """Make the bundle. Raises Refused, with the gate's sentence, if no model passed; the report then says so."""
    params = load_params(place.root)
    case = params.use_case(name)
    dataset = params.dataset(case.dataset)
    try:
        material = _material(place, name, case.dataset, case.export.parity_rows)
        rules = Rules(case.task, case.decision, case.export, case.evaluate.bootstrap, case.train.seed)
        made = make_bundle(material, _facts(place, name, case, dataset), rules)
    except Refused as no:
        write_json(place.room(name, "export") / "report.json", refusal(str(no)))
        raise
    _write(place, name, made)


def _material(place: Place, name: str, dataset: str, parity_rows: int) -> Material:
    passed = _passed(read_gates(place, name))
    models = load_models(place, name)
    spec, predictions = read_learnt_spec(place, name), read_predictions(place, name)
    return Material(
        models={model: models[model] for model in passed},
        learnt=read_decisions(place, name),
        predictions=predictions,
        calibration=load_windows(place, name, "calibration"),
        test=load_windows(place, name, "test"),
        rows=_replayed(place, dataset, spec, first_asked(predictions), parity_rows),
        events=read_events(place, dataset) if spec.reset or spec.since else None,
    )


def _passed(gates: dict[str, Any]) -> list[str]:
    passed = [model for model in CANDIDATES if gates["passed"][model]]
    if not passed:
        reasons = [row["reason"] for row in gates["rows"] if not row["passed"]]
        raise Refused(f"no model passed its gates, so nothing is exported: {'; '.join(reasons)}")
    return passed


def _replayed(place: Place, dataset: str, spec: FeatureSpec, since: dict[str, float], most: int) -> pd.DataFrame:
    """Rows of the devices that are replayed; those that validate rejected carry no values, but their receipt counts.

    Read twice, some devices at a time: to count, and to take; memory holds what is taken.
    """
    files = [file for some in rows_by_bucket(place, dataset).values() for file in some]
    made_by = f"fleetloop stage ingest {dataset}"
    counts: dict[str, int] = {}
    for block in stream_devices(files, (), made_by):
        counts |= count_rows(block, since)
    taken = pick_names(counts, most)
    blocks = (block[block["device"].isin(taken)] for block in stream_devices(files, spec.channels, made_by))
    rows = pd.concat(blocks, ignore_index=True)
    rejected = read_rejected(place, dataset)[["device", "time"]].drop_duplicates()
    marked = rows[["device", "time"]].merge(rejected, on=["device", "time"], how="left", indicator=True)
    rows.loc[(marked["_merge"] == "both").to_numpy(), list(spec.channels)] = np.nan
    return rows


def _facts(place: Place, name: str, case: UseCaseSpec, dataset: DatasetSpec) -> Facts:
    metrics = read_metrics(place, name)
    card = (place.room(name, "evaluate") / "card" / "card.md").read_text()
    tables = place.room(case.dataset, "ingest") / "tables"
    split, code = place.room(name, "split"), ("edge/fleetloop_edge", "pipelines/export", "pipelines/tasks")
    return Facts(
        use_case=name,
        task=case.task.model_dump(mode="json"),
        channels=tuple(channels_of(dataset).values()),
        features=read_learnt_spec(place, name),
        sources={
            source: compile_source(source, spec, dataset)
            for source, spec in sorted(dataset.sources.items())
            if spec.kind == "rows" and spec.decoder in decoders.DECODERS
        },
        params_hash=hashlib.sha256(canonical_json(_params(case, dataset))).hexdigest(),
        data_hash=files_hash(
            place.root,
            [
                tables / "rows" / "manifest.json",
                tables / "events.parquet",
                split / "targets.parquet",
                split / "sides.csv",
            ],
        ),
        code_hash=files_hash(place.root, [place.root / part for part in code]),
        metrics={model: sides["test"] for model, sides in metrics.items()},
        card=without_pictures(card),
    )


def _params(case: UseCaseSpec, dataset: DatasetSpec) -> dict[str, Any]:
    """Exactly the parameters that the stage depends on in dvc.yaml: others may change without a new bundle."""
    whole, data = case.model_dump(mode="json"), dataset.model_dump(mode="json")
    named = {key: whole[key] for key in ("task", "decision", "export")}
    drawn = {"bootstrap": case.evaluate.bootstrap, "seed": case.train.seed}
    return named | drawn | {key: data[key] for key in ("channels", "sources")}


def _write(place: Place, name: str, made: Made) -> None:
    with replacing_folder(place.room(name, "export") / "bundle") as folder:
        for file, data in made.files.items():
            (folder / file).write_bytes(data)
    write_json(place.room(name, "export") / "report.json", made.report)
    write_json(place.untracked(name, "export") / "latency.json", made.latency)
