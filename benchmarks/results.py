"""What a benchmark found: a table for people, and benchmarks/results/NAME.json for the next ones who measure."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from pipelines.files import write_json

FOLDER = Path(__file__).parent / "results"
_VERSIONS = ("numpy", "pandas", "pyarrow", "torch", "lightgbm", "onnxruntime", "dvc", "prefect", "numba")


@dataclass(frozen=True)
class Figure:
    """One measured number. goal: the must, stretch: the wish; absolute: a time or size that depends on the machine."""

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"] = "lower"
    goal: float | None = None
    stretch: float | None = None
    absolute: bool = False

    @property
    def reached(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def record(name: str, figures: Sequence[Figure], *, partial: bool = False) -> None:
    """Print the figures and write benchmarks/results/<name>.json; partial: the file's other figures stay in it."""
    table = Table(title=name, box=None, header_style="bold")
    for column in ("figure", "value", "unit", "goal", "stretch", "reached"):
        table.add_column(column, justify="right" if column in ("value", "goal", "stretch") else "left")
    for figure in figures:
        limits = ["" if limit is None else f"{limit:g}" for limit in (figure.goal, figure.stretch)]
        reached = {None: "", True: "yes", False: "no"}[figure.reached]
        table.add_row(figure.name, f"{figure.value:.4g}", figure.unit, *limits, reached)
    Console().print(table)
    if partial:
        figures = [*_others(name, figures), *figures]
    write_json(FOLDER / f"{name}.json", {"machine": _machine(), "versions": _versions(),
                                         "figures": [asdict(figure) for figure in figures]})  # fmt: skip


def _others(name: str, figures: Sequence[Figure]) -> list[Figure]:
    path, measured = FOLDER / f"{name}.json", {figure.name for figure in figures}
    stored = json.loads(path.read_text())["figures"] if path.exists() else []
    return [Figure(**entry) for entry in stored if entry["name"] not in measured]


def _machine() -> dict[str, Any]:
    return {"system": platform.system(), "cpu": platform.machine(), "cores": os.cpu_count(),
            "python": platform.python_version(), "load": round(os.getloadavg()[0], 2)}  # fmt: skip


def _versions() -> dict[str, str]:
    return {package: metadata.version(package) for package in _VERSIONS}
