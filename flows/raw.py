"""Raw files: from a folder of the user into data/raw/<dataset>, whole or not at all, tracked by DVC."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flows.checkout import fit_dvc_to_git
from flows.environment import child_environment
from pipelines.errors import DataError
from pipelines.files import Place, replacing_folder
from pipelines.params import SourceSpec, load_params


@dataclass(frozen=True)
class Added:
    """Files that are new in data/raw/<dataset>, and files that took the place of one of the same name."""

    new: int
    replaced: int

    def __str__(self) -> str:
        return f"{self.new} files added, {self.replaced} replaced"


def add_files(root: Path, dataset: str, folder: Path) -> Added:
    """Copy the files that the dataset's sources name from `folder` into its raw folder.

    Raises DataError where the folder is missing, has none of the files, or leaves a source without any file;
    ParamsError for an unknown dataset.
    """
    spec = load_params(root).dataset(dataset)
    raw = Place(root).raw(dataset)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the one that holds the raw files of {dataset}")
    incoming = {path.relative_to(folder): path for path in _named(folder, spec.sources)}
    present = {path.relative_to(raw): path for path in raw.rglob("*") if path.is_file()}
    _check_complete(dataset, spec.sources, folder, raw)
    _check_no_twins(set(incoming) | set(present))
    if not incoming:
        raise DataError(f"{folder} has no file that a source of {dataset} names; nothing to add")
    with replacing_folder(raw) as new:
        for name, path in (present | incoming).items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            if name in incoming:
                shutil.copyfile(path, new / name)
            else:
                os.link(path, new / name)
    return Added(len(set(incoming) - set(present)), len(set(incoming) & set(present)))


def track(root: Path, dataset: str) -> None:
    """`dvc add` of the dataset's raw folder. Raises DataError with DVC's own reason where it fails."""
    fit_dvc_to_git(root)
    folder = Place(root).raw(dataset).relative_to(root)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "--wait-for-lock", "add", "--quiet", str(folder)],
        cwd=root,
        env=child_environment(root),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = " ".join((done.stderr or done.stdout).split())[-400:]
        raise DataError(f"the raw files are in {folder}, but DVC could not track them: {reason}")


def _named(folder: Path, sources: dict[str, SourceSpec]) -> list[Path]:
    """Files of `folder` that a source names, sorted, each once."""
    globs = {glob for source in sources.values() for glob in source.all_globs()}
    return sorted({path for glob in globs for path in folder.glob(glob) if path.is_file()})


def _check_complete(dataset: str, sources: dict[str, SourceSpec], folder: Path, raw: Path) -> None:
    lacking = [
        f"{name} ({source.files})"
        for name, source in sources.items()
        if not _named(folder, {name: source}) and not _named(raw, {name: source})
    ]
    if lacking:
        raise DataError(
            f"{folder} has no file for {len(lacking)} of the {len(sources)} sources of {dataset}: "
            f"{', '.join(lacking)}; nothing was copied"
        )


def _check_no_twins(names: set[Path]) -> None:
    """A file and its gzip form would count every record twice."""
    for name in sorted(names):
        twin = name.with_name(name.name + ".gz")
        if twin in names:
            raise DataError(f"{name} and {twin} both stand for the same data; keep one of them and add again")
