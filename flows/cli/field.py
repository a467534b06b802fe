"""`fleetloop score`, `watch`, `tickets`: the device's runtime over history, a log judged, and what is to be mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from flows.checkout import find_root

T = TypeVar("T")
FIELD_LOG = "a field log; `fleetloop score BUNDLE ROWS -o LOG` writes one"


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
    must_exist(bundle, "a bundle folder; `fleetloop run` makes data/USE_CASE/export/bundle")
    must_exist(rows, "rows; `fleetloop run` makes data/DATASET/ingest/tables")
    summary = room.score(bundle, rows, log, by=by.value, shown=_progress)
    typer.echo(str(summary))
    typer.echo(f"field log: {log}")


def watch(
    use_case: Annotated[str, typer.Argument(help="The use case whose training reference is compared with.")],
    log: Annotated[Path, typer.Argument(help="A field log (a folder), e.g. of `fleetloop score`.")],
    now: Annotated[
        datetime | None, typer.Option(help="Judge as it was known then (UTC) [default: all of the log].")
    ] = None,
) -> None:
    """Judge a field log against what the model was trained on; exit 1 where the world drifted.

    The tests stand on thresholds learnt from healthy windows that were held back, so their rate of false alarms is
    the one in params.yaml (`watch.nominal`). A broken sensor or a change upstream becomes a ticket, its channel is
    masked, and the exit code stays 0. The report (HTML and JSON) is saved below .fleetloop/USE_CASE/watch.
    """
    from flows.environment import quiet_libraries
    from flows.judged import print_judgement
    from pipelines import watch as room
    from pipelines.errors import Refused
    from pipelines.files import Place
    from pipelines.params import load_params

    quiet_libraries()
    root = find_root()
    load_params(root).use_case(use_case)
    must_exist(log, FIELD_LOG)
    judgement = room.watch(Place(root), use_case, log, now=now)
    print_judgement(judgement)
    typer.echo(f"report: {judgement.html}")
    counts = f"{len(judgement.events)} findings may start a training, {len(judgement.tickets)} are tickets"
    if judgement.drift:
        raise Refused(f"{use_case} drifted: {counts}, {len(judgement.waiting)} wait")
    typer.echo(f"{use_case}: {counts}" if judgement.findings else judgement.sentence)


def tickets(
    use_case: Annotated[str, typer.Argument(help="The use case whose tickets are shown.")],
    close: Annotated[
        str | None, typer.Option(metavar="ID", help="Close this ticket: its channels count again from now on.")
    ] = None,
) -> None:
    """List what people have to mend: broken sensors, changes upstream, and the channels masked because of them."""
    from flows.judged import print_tickets
    from pipelines import watch as room
    from pipelines.files import Place
    from pipelines.params import load_params

    place = Place(find_root())
    load_params(place.root).use_case(use_case)
    if close is not None:
        closed = room.close_ticket(place, use_case, close, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        typer.echo(f"closed {closed.id}: {closed.finding.sentence}")
    print_tickets(use_case, room.read_tickets(place, use_case))


def _progress(items: Iterable[T], total: int) -> Iterable[T]:
    """A bar on the terminal with the time that is left; in a log, a line at every tenth."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if console.is_terminal:
        return track(items, "scoring", total=total, console=console, transient=True)
    return _told_by_tenths(items, total)


def _told_by_tenths(items: Iterable[T], total: int) -> Iterator[T]:
    step = max(total // 10, 1)
    for number, item in enumerate(items, start=1):
        yield item
        if number % step == 0:
            typer.echo(f"scored {number:,} of {total:,} rows", err=True)


def must_exist(path: Path, noun: str) -> None:
    """Raises DataError where there is nothing at a path that should hold `noun`."""
    from pipelines.errors import DataError

    if not path.exists():
        raise DataError(f"{path} does not exist; expected {noun}")
