"""`fleetloop score` and `fleetloop watch`: the device's runtime over history, and the judgement of a field log."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.checkout import find_root


class By(StrEnum):
    """How history goes through the bundle; both give the same answers."""

    row = "row"
    batch = "batch"


def score(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, e.g. data/pumps/export/bundle.")],
    rows: Annotated[Path, typer.Argument(help="Rows: a tables folder of ingest, or Parquet of rows.")],
    log: Annotated[Path, typer.Option("--output", "-o", help="The field log to write (a folder).")],
    by: Annotated[By, typer.Option(help="One row at a time as on the device, or in batch: the same answers.")] = By.row,
) -> None:
    """Let the device's own runtime decide over history, and write a field log as a fleet would.

    The log holds rows, decisions, heartbeats and, where failures are known, labels. `fleetloop watch` reads it.
    """
    from flows.environment import quiet_libraries
    from pipelines import watch as room

    quiet_libraries()
    _must_exist(bundle, "a bundle folder; `fleetloop run` makes data/USE_CASE/export/bundle")
    _must_exist(rows, "rows; `fleetloop run` makes data/DATASET/ingest/tables")
    summary = room.score(bundle, rows, log, by=by.value)
    typer.echo(str(summary))
    typer.echo(f"field log: {log}")


def watch(
    use_case: Annotated[str, typer.Argument(help="The use case whose training reference is compared with.")],
    log: Annotated[Path, typer.Argument(help="A field log (a folder), e.g. of `fleetloop score`.")],
) -> None:
    """Judge a field log against what the model was trained on; exit 1 where it drifted.

    The tests stand on thresholds learnt from healthy windows that were held back, so their rate of false alarms is
    the one in params.yaml (`watch.nominal`). The report (HTML and JSON) is saved below .fleetloop/USE_CASE/watch.
    """
    from flows.environment import quiet_libraries
    from pipelines import watch as room
    from pipelines.errors import Refused
    from pipelines.files import Place
    from pipelines.params import load_params

    quiet_libraries()
    root = find_root()
    load_params(root).use_case(use_case)
    _must_exist(log, "a field log; `fleetloop score BUNDLE ROWS -o LOG` writes one")
    judgement = room.watch(Place(root), use_case, log)
    typer.echo(f"report: {judgement.html}")
    if judgement.drift:
        raise Refused(judgement.sentence)
    typer.echo(judgement.sentence)


def _must_exist(path: Path, noun: str) -> None:
    from pipelines.errors import DataError

    if not path.exists():
        raise DataError(f"{path} does not exist; expected {noun}")
