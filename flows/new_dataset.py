"""A dataset that params.yaml does not know yet: its block guessed from raw files and put below `datasets`."""

from __future__ import annotations

import difflib
import re
import tempfile
from pathlib import Path

from pipelines.errors import DataError, ParamsError
from pipelines.files import write_bytes
from pipelines.params import load_params

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KEY = re.compile(r"[A-Za-z_]+:")


def guess_new(root: Path, dataset: str, folder: Path, alike: bool) -> bool:
    """Write a guessed block for a dataset that is new; False where it is known.

    alike: though another has nearly its name. Raises ParamsError for a name that cannot be, or that looks misspelt;
    DataError where nothing can be guessed.
    """
    known = load_params(root).datasets
    if dataset in known:
        return False
    near = difflib.get_close_matches(dataset, known, n=1, cutoff=0.8)
    if near and not alike:
        raise ParamsError(
            f"no dataset {dataset!r}; did you mean {near[0]!r}? expected one of {', '.join(known)}; "
            f"or add --new to guess a mapping for it"
        )
    if not _NAME.fullmatch(dataset):
        raise ParamsError(f"{dataset!r} is no name for a dataset; use small letters, digits and _")
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the one that holds the raw files of {dataset}")
    from pipelines.ingest import guess_dataset

    append(root / "params.yaml", guess_dataset(dataset, folder))
    return True


def append(path: Path, block: str) -> None:
    """Put a block at the end of `datasets`; every other byte of the file stays. Raises ParamsError if it is wrong."""
    lines = path.read_text().splitlines(keepends=True)
    keys = [i for i, line in enumerate(lines) if _KEY.match(line)]
    start = next(i for i in keys if lines[i].startswith("datasets:"))
    end = next((i for i in keys if i > start), len(lines))
    while lines[end - 1].startswith("#") or not lines[end - 1].strip():
        end -= 1
    text = "".join(lines[:end]) + "\n" + block + "".join(lines[end:])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / path.name).write_text(text)
        load_params(Path(folder))
    write_bytes(path, text.encode())
