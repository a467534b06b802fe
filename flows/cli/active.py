"""`fleetloop use-cases`, `activate`, `deactivate`: what there is and what is active."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.checkout import find_root

UseCase = Annotated[
    str, typer.Argument(help="A use case of params.yaml (`fleetloop use-cases` lists them), or a dataset alone.")
]


def use_cases() -> None:
    """List the use cases of params.yaml: dataset, question, whether active, whether their raw data are here."""
    from rich.table import Table

    from pipelines.files import Place
    from pipelines.params import load_params
    from pipelines.report import console

    root = find_root()
    params = load_params(root)
    table = Table(box=None, header_style="bold")
    for column in ("use case", "dataset", "task", "active", "raw data", "title"):
        table.add_column(column)
    for name, case in params.use_cases.items():
        here = "yes" if Place(root).raw(case.dataset).is_dir() else "no"
        active = "yes" if name in params.active.use_cases else "no"
        table.add_row(name, case.dataset, case.task.kind, active, here, case.title)
    console().print(table)


def activate(use_case: UseCase) -> None:
    """Let `dvc repro` and `fleetloop run` work on USE_CASE: writes `active` in params.yaml, keeping its comments."""
    from flows.active import activate as write

    changed = write(find_root(), use_case)
    typer.echo(f"{use_case} is active" if changed else f"{use_case} was active already")


def deactivate(use_case: UseCase) -> None:
    """Take USE_CASE out of `active` in params.yaml. Its data and results stay; nothing is deleted."""
    from flows.active import deactivate as write

    changed = write(find_root(), use_case)
    typer.echo(f"{use_case} is no longer active" if changed else f"{use_case} was not active")
