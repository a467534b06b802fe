"""A team's places in small: a bare git remote, a DVC remote in S3, and stub checkouts that share both."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from flows.environment import child_environment
from tests.builders.stub import ROOT, stub_checkout

IGNORED = (ROOT / ".gitignore").read_text() + "/left-*\n/right-*\n"


def sh(folder: Path, *command: str) -> str:
    """Run a command; its output. A failure shows all that it said."""
    done = subprocess.run(
        command, cwd=folder, env=child_environment(folder), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout


def new_remote(bucket: str = "fleetloop") -> str:
    """An empty DVC remote in the tests' S3 server."""
    return f"s3://{bucket}/dvc-{uuid.uuid4().hex}"


def team_checkout(folder: Path, remote: str, **commands: str) -> Path:
    """A stub checkout in git whose raw files DVC tracks, pushed to the bare repository `<folder>.git`."""
    return share(stub_checkout(folder, **commands), remote, "data/raw/d")


def share(folder: Path, remote: str, raw: str) -> Path:
    """Put a checkout into git and its raw files under DVC, and push it to the bare repository `<folder>.git`."""
    bare = folder.with_suffix(".git")
    sh(folder.parent, "git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    sh(folder, "git", "init", "--quiet", "--initial-branch=main")
    for name, value in (("user.name", "A Person"), ("user.email", "person@example.org"), ("commit.gpgsign", "false")):
        sh(folder, "git", "config", name, value)
    sh(folder, "git", "remote", "add", "origin", str(bare))
    if not (folder / ".gitignore").exists():
        (folder / ".gitignore").write_text(IGNORED)
    (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    sh(folder, "dvc", "config", "--local", "core.no_scm", "false")
    sh(folder, "dvc", "remote", "add", "--quiet", "--default", "team", remote)
    sh(folder, "dvc", "add", "--quiet", raw)
    commit(folder, "Begin")
    sh(folder, "git", "push", "--quiet", "origin", "main")
    return folder


def commit(folder: Path, message: str) -> None:
    sh(folder, "git", "add", "--all")
    sh(folder, "git", "commit", "--quiet", "--message", message)


def clone(checkout: Path, folder: Path) -> Path:
    """What another machine gets: git's files, no data, no cache."""
    sh(checkout.parent, "git", "clone", "--quiet", str(checkout.with_suffix(".git")), str(folder))
    return folder


def without_cache(folder: Path) -> None:
    """Forget everything that DVC keeps on this machine."""
    for name in (".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)


def processes_below(folder: Path) -> list[str]:
    """Command lines of the processes whose working directory is below `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder) and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
