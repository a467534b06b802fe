"""The team's DVC remote: what a machine without the data takes from it, and what it gives back.

Which remote is DVC's own setting (`dvc remote add --default team s3://bucket/dvc`, written to .dvc/config and shared
through git); keys, region and endpoint are found as by every AWS tool.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flows.checkout import fit_dvc_to_git
from flows.reproduce import Processes
from pipelines.errors import DataError, ParamsError, StoreError

PATIENCE_S = 3600.0
"""Seconds that one transfer may take; a remote that hangs is then given up, and nothing is lost."""

_AGAIN = "check the remote, the endpoint and the credentials, then run the same command again: it goes on where it was"


def pull(root: Path, patience_s: float = PATIENCE_S) -> str:
    """Bring what dvc.lock and the .dvc files name, and the run-cache; a sentence.

    A stage's output that the remote lacks is left out: `dvc repro` makes it. Raises ParamsError without a remote,
    StoreError where it does not answer, DataError where it lacks the raw files of a dataset.
    """
    _transfer(root, ["pull", "--run-cache", "--allow-missing", "--force"], patience_s)
    for pointer in sorted((root / "data" / "raw").glob("*.dvc")):
        if not pointer.with_suffix("").exists():
            name = pointer.with_suffix("").relative_to(root)
            raise DataError(f"{remote_url(root)} lacks {name}; run `fleetloop data push` where these files are")
    return f"pulled from {remote_url(root)}"


def push(root: Path, patience_s: float = PATIENCE_S) -> str:
    """Give the remote all that dvc.lock and the .dvc files name, and the run-cache; a sentence.

    Safe to repeat: what is there already is not sent. Raises ParamsError without a remote, StoreError where it does
    not answer, DataError where this machine lacks what it should send.
    """
    _transfer(root, ["push", "--run-cache"], patience_s)
    return f"pushed to {remote_url(root)}"


def remote_url(root: Path) -> str:
    """Where DVC's default remote is. Raises ParamsError where none is set."""
    from dvc.config import Config

    config = Config(dvc_dir=str(root / ".dvc"), validate=False)
    name = config.get("core", {}).get("remote")
    if not name or name not in config.get("remote", {}):
        raise ParamsError(
            "this checkout has no DVC remote; set one by `dvc remote add --default team s3://BUCKET/dvc` and commit "
            ".dvc/config"
        )
    return str(config["remote"][name]["url"])


def _transfer(root: Path, command: list[str], patience_s: float) -> None:
    fit_dvc_to_git(root)
    url = remote_url(root)
    processes = Processes()
    process = processes.start([sys.executable, "-m", "dvc", "--wait-for-lock", *command], root)
    try:
        output, _ = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        raise StoreError(f"{url} did not finish `dvc {command[0]}` in {patience_s:.0f} s; {_AGAIN}") from None
    finally:
        processes.end()
    if process.returncode:
        raise _why(url, command[0], output)


def _why(url: str, verb: str, output: str) -> DataError | StoreError:
    """DVC's own words, as an error that says what to do."""
    lines = [line.partition(":")[2].strip() for line in output.splitlines() if line.startswith(("ERROR:", "WARNING:"))]
    reason = " ".join("; ".join(dict.fromkeys(lines) or output.splitlines()[-1:]).split())[:400]
    if "does not exist" in reason and "missing-files" in output:
        return DataError(f"`dvc {verb}` to {url}: {reason}; run `dvc repro` first")
    return StoreError(f"`dvc {verb}` with {url} failed: {reason}; {_AGAIN}")
