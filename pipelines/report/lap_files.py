"""What a lap left behind, read as it is; what is not there is empty, and the report says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.files import Place, read_json
from pipelines.params import UseCaseSpec, load_params
from pipelines.report.words import label

Json = dict[str, Any]
MODELS = ("naive", "baseline", "sequence")


@dataclass(frozen=True)
class Lap:
    """The JSON files of one use case's lap. metrics, gates and decisions are always there."""

    use_case: str
    case: UseCaseSpec
    metrics: Json
    gates: Json
    decisions: Json
    export: Json
    latency: Json
    ingest: Json
    validate: Json
    split: Json
    folds: list[Json]  # of the models that were cross-validated
    pictures: dict[str, str]  # name -> SVG of the model card

    @property
    def kinds(self) -> dict[str, str]:
        """model -> its name as people say it."""
        return {name: label(self.decisions[name]["kind"]) for name in MODELS}

    @property
    def refused(self) -> str | None:
        """Why nothing ships; None where something does."""
        if "chosen" in self.export:
            return None
        reason: str = self.export.get("refused", "nothing was exported yet")
        return reason


def read_lap(place: Place, use_case: str) -> Lap:
    """Raises DataError naming the command where the use case was not evaluated yet."""
    case = load_params(place.root).use_case(use_case)
    room, made_by = place.room(use_case, "evaluate"), f"fleetloop run {use_case}"
    return Lap(
        use_case=use_case,
        case=case,
        metrics=read_json(room / "metrics.json", made_by),
        gates=read_json(room / "gates.json", made_by),
        decisions=read_json(room / "decisions.json", made_by),
        export=_optional(place.room(use_case, "export") / "report.json"),
        latency=_optional(place.untracked(use_case, "export") / "latency.json"),
        ingest=_optional(place.room(case.dataset, "ingest") / "report.json"),
        validate=_optional(place.room(case.dataset, "validate") / "verdict.json"),
        split=_optional(place.room(use_case, "split") / "report.json"),
        folds=[
            found for found in (_optional(place.room(use_case, "train") / f"{m}_folds.json") for m in MODELS) if found
        ],
        pictures={file.stem: file.read_text() for file in sorted((room / "card").glob("*.svg"))},
    )


def _optional(path: Path) -> Json:
    found: Json = read_json(path, "fleetloop run") if path.is_file() else {}
    return found
