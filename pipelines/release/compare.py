"""A candidate against the champion: both bundles in the device's own runtime, on the same held-out devices.

A device's side never changes, so devices that are held out today were held out when the champion was trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fleetloop_edge.bundle import Bundle, load
from fleetloop_edge.decide import Decision
from fleetloop_edge.errors import BundleRejected
from fleetloop_edge.rows import Row
from fleetloop_edge.runtime import Runtime
from pipelines.errors import DataError, Refused
from pipelines.evaluate import (
    decision_metrics,
    epoch_seconds,
    find_lives,
    interval_95,
    read_predictions,
    resampled_means,
    row_loss,
)
from pipelines.export import bundle_path, pick_devices
from pipelines.files import Place
from pipelines.ingest import read_rows
from pipelines.params import UseCaseSpec, load_params
from pipelines.release.verdict import Side, Verdict, judge


def compare(place: Place, use_case: str, champion: Path, version: int) -> Verdict:
    """Judge data/<use case>/export/bundle against the champion's bundle (a folder; release `version`).

    Raises Refused where the two do not answer the same question, or no held-out row has a known answer from both;
    DataError where either bundle does not load or the dataset lacks a channel that one of them reads.
    """
    case = load_params(place.root).use_case(use_case)
    bundles = (_load(bundle_path(place, use_case)), _load(champion))
    _same_question(*bundles, use_case, version)
    test = read_predictions(place, use_case)
    test = test[test["side"] == "test"].reset_index(drop=True)
    rows = _rows(place, case.dataset, bundles)
    held_out = epoch_seconds(test["time"])
    first = pd.Series(held_out).groupby(test["device"].to_numpy()).min()
    since = {str(device): float(at) for device, at in first.items()}
    kept, _ = pick_devices(rows, since, case.release.rows)
    answers = [_answers(bundle, kept) for bundle in bundles]
    both = test.merge(answers[0], on=["device", "time"]).merge(answers[1], on=["device", "time"], suffixes=("_0", "_1"))
    if not np.isfinite(_known(both)).any():
        raise Refused(
            f"no row of the held-out devices has a known answer and a score of both {use_case} release {version} and "
            f"the candidate, so they cannot be compared"
        )
    return _verdict(both.sort_values(["device", "time"], ignore_index=True), case, version)


def _load(folder: Path) -> Bundle:
    try:
        return load(folder)
    except BundleRejected as error:
        raise DataError(f"{folder} cannot be compared: {error}") from None


def _same_question(candidate: Bundle, champion: Bundle, use_case: str, version: int) -> None:
    old, new = champion.manifest.task, candidate.manifest.task
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if changed:
        was, now = old.get(changed[0]), new.get(changed[0])
        raise Refused(
            f"{use_case} release {version} answers another question than the candidate (task.{changed[0]} was {was}, "
            f"is {now}), so no comparison can tell which is better; `fleetloop run {use_case} --replace` decides it"
        )


def _rows(place: Place, dataset: str, bundles: tuple[Bundle, ...]) -> pd.DataFrame:
    """Rows as a device sees them (it has no data contract), with every channel that either bundle reads."""
    names = dict.fromkeys(name for bundle in bundles for name in bundle.manifest.features.channels)
    return read_rows(place, dataset, tuple(names))


def _answers(bundle: Bundle, rows: pd.DataFrame) -> pd.DataFrame:
    """device, time, score (NaN where it abstains) and acts of every row that the runtime decides on."""
    runtime = Runtime(bundle)
    said: list[Decision] = []
    for row in _as_received(rows, bundle.manifest.features.channels):
        said += runtime.push_row(row)
    said += runtime.flush()
    rule = bundle.manifest.models[bundle.manifest.primary].decision
    micros = np.round(np.array([d.time for d in said]) * 1e6).astype(np.int64)
    return pd.DataFrame(
        {
            "device": pd.array([d.device for d in said], dtype="str"),
            "time": pd.to_datetime(micros, unit="us", utc=True),
            "score": np.array([d.score for d in said], dtype=np.float32),
            "acts": np.array([d.action == rule.action for d in said], dtype=bool),
        }
    )


def _as_received(rows: pd.DataFrame, channels: tuple[str, ...]) -> Iterator[Row]:
    at, received = epoch_seconds(rows["time"]).tolist(), epoch_seconds(rows["received"]).tolist()
    values = rows[list(channels)].to_numpy(dtype=np.float32)
    return map(Row, rows["device"].tolist(), at, received, values)


def _known(both: pd.DataFrame) -> NDArray[np.float64]:
    """(n,) the target where both answered and it is known; else NaN."""
    answered = np.isfinite(both["score_0"]) & np.isfinite(both["score_1"])
    return both["target"].where(answered).to_numpy(dtype=np.float64)


def _verdict(both: pd.DataFrame, case: UseCaseSpec, version: int) -> Verdict:
    """both: rows of held-out devices with target, life, score_0 and acts_0 (candidate), score_1 and acts_1."""
    period = case.features.period_s
    lives = find_lives(both, period)
    known = np.isfinite(_known(both))
    rows, objective = both[known], case.task.objective
    target = rows["target"].to_numpy(dtype=np.float32)
    losses = [row_loss(objective, target, rows[f"score_{i}"].to_numpy(dtype=np.float32)) for i in (0, 1)]
    loss = np.stack(losses, axis=1)
    codes = pd.factorize(rows["device"])[0]
    draws = resampled_means(loss, codes, case.release.resamples, case.train.seed)
    points = loss.mean(axis=0)
    if objective != "binary":
        draws, points = np.sqrt(draws), np.sqrt(points)
    low, high = interval_95(draws[:, 0] - draws[:, 1])
    worth = [decision_metrics(both[f"acts_{i}"].to_numpy(dtype=bool), lives, case.decision) for i in (0, 1)]
    sides = [Side(float(points[i]), worth[i]["cost_per_device"], worth[i].get("warned_share")) for i in (0, 1)]
    measure = "log_loss" if objective == "binary" else "rmse_all_rows"
    unit = "" if objective == "binary" else f"{case.decision.period}s"
    return judge(
        sides[0], sides[1], (low, high), case.release,
        measure=measure, unit=unit, currency=case.decision.currency, version=version, rows=len(rows),
        devices=len(np.unique(codes)),
    )  # fmt: skip
