"""What other rooms read of validate."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipelines.files import Place, read_json, read_table


def read_rejected(place: Place, dataset: str) -> pd.DataFrame:
    """device, time (UTC), rule of the rejected rows. Raises DataError naming the command that makes it."""
    path = place.room(dataset, "validate") / "rejected.parquet"
    return read_table(path, f"fleetloop stage validate {dataset}")


def read_verdict(place: Place, dataset: str) -> dict[str, Any]:
    """The last verdict, also of a stage that refused: DVC keeps no outputs of those."""
    path = place.untracked(dataset, "validate") / "verdict.json"
    verdict: dict[str, Any] = read_json(path, f"fleetloop stage validate {dataset}")
    return verdict
