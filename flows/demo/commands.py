"""Commands of the demo: each a process group that ends with the demo, however that ends."""

from __future__ import annotations

from pathlib import Path

from flows.reproduce import Processes
from pipelines.errors import DataError


def run(processes: Processes, folder: Path, *command: str) -> None:
    """A command in a checkout. Raises DataError with its last words where it fails, InterruptedError after the end."""
    process = processes.start([*command], folder)
    try:
        said, _ = process.communicate()
    finally:
        processes.forget(process)
    if process.returncode and processes.ended:
        raise InterruptedError("the demo was ended")
    if process.returncode:
        raise DataError(f"`{' '.join(command)}` in {folder} ended with {process.returncode}: {said.strip()[-400:]}")
