"""Every lock file that names data of this checkout: its own, those of all git refs, workspaces and releases."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows.workspace import workspaces
from pipelines.errors import DataError
from pipelines.files import Place
from pipelines.params import load_params
from pipelines.release import history, object_key, open_store


@dataclass(frozen=True)
class Named:
    """One output or dependency that a lock names. md5: DVC's, of a file, or of a folder's listing ("….dir")."""

    lock: str  # as a person would say it
    path: str  # below the root
    md5: str


def locks_of(root: Path, dataset: str) -> list[Named]:
    """What every known lock file names. Raises DataError where a release names a lock that nobody kept."""
    texts = {**_here(root), **_of_git(root)}
    texts |= _of_releases(root, dataset, texts)
    return [Named(lock, path, md5) for lock, text in texts.items() for path, md5 in _read(lock, text)]


def _here(root: Path) -> dict[str, str]:
    """dvc.lock and the pointers of this checkout and of its workspaces."""
    found = {}
    folders = {"": root} | {f"workspace {f.name}: ": f for f in sorted(workspaces(root).glob("*")) if f.is_dir()}
    for word, folder in folders.items():
        for path in (folder / "dvc.lock", *sorted((folder / "data").rglob("*.dvc"))):
            if path.is_file():
                found[f"{word}{path.relative_to(folder).as_posix()}"] = path.read_text()
    return found


def _of_git(root: Path) -> dict[str, str]:
    """The same of every branch, tag, stash and experiment: whatever git has a name for."""
    if not (root / ".git").exists():
        return {}
    found: dict[str, str] = {}
    known: set[str] = set()
    for ref in ["HEAD", *_git(root, "for-each-ref", "--format=%(refname)").split()]:
        for line in _git(root, "ls-tree", "-r", ref).splitlines():
            meta, _, path = line.partition("\t")
            blob = meta.split()[-1]
            if (path == "dvc.lock" or path.endswith(".dvc")) and blob not in known:
                known.add(blob)
                short = ref.removeprefix("refs/heads/").removeprefix("refs/")
                found[f"{short}: {path}"] = _git(root, "cat-file", "blob", blob)
    return found


def _of_releases(root: Path, dataset: str, texts: dict[str, str]) -> dict[str, str]:
    """The locks of released models: known already, in git's past, or kept in the release store."""
    known = {hashlib.sha256(text.encode()).hexdigest() for text in texts.values()}
    store, found = open_store(Place(root)), {}
    for use_case, spec in load_params(root).use_cases.items():
        for release in history(store, use_case) if spec.dataset == dataset else ():
            digest = release.facts.get("dvc_lock")
            if digest is None or digest in known:
                continue
            known.add(digest)
            kept = store.get(object_key(digest))
            text = kept.decode() if kept is not None else _in_the_past(root, digest)
            if text is None:
                raise DataError(
                    f"release {release.version} of {use_case} in {store.url} names a dvc.lock (sha256 {digest[:12]}) "
                    f"that neither git nor the store holds: which data it needs cannot be told; nothing is deleted"
                )
            found[f"release {release.version} of {use_case}"] = text
    return found


def _in_the_past(root: Path, digest: str) -> str | None:
    if not (root / ".git").exists():
        return None
    for commit in _git(root, "log", "--all", "--format=%H", "--", "dvc.lock").split():
        text = _git(root, "show", f"{commit}:dvc.lock", check=False)
        if hashlib.sha256(text.encode()).hexdigest() == digest:
            return text
    return None


def _read(lock: str, text: str) -> Iterator[tuple[str, str]]:
    """Path and md5 of all that a dvc.lock or a pointer file names."""
    try:
        said: dict[str, Any] = yaml.safe_load(text) or {}
        entries = list(said.get("outs", ()))
        for stage in said.get("stages", {}).values():
            entries += [*stage.get("outs", ()), *stage.get("deps", ())]
        folder = lock.rpartition(": ")[2].rpartition("/")[0]
        for entry in entries:
            if "md5" in entry:
                yield (f"{folder}/{entry['path']}" if "outs" in said else str(entry["path"])), str(entry["md5"])
    except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{lock} cannot be read ({reason}): what it needs cannot be told; nothing is deleted") from None


def listing_of(cache: Path, md5: str) -> dict[str, str] | None:
    """File -> md5 of a folder's listing in DVC's cache; None where it is not there."""
    path = object_path(cache, md5)
    if not path.is_file():
        return None
    return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_text())}


def object_path(cache: Path, md5: str) -> Path:
    """Where DVC's cache keeps an object."""
    return cache / md5[:2] / md5[2:]


def _git(root: Path, *arguments: str, check: bool = True) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise DataError(f"{root} has a git history, but there is no git to read it: nothing is deleted") from None
    if done.returncode and check:
        reason = " ".join(done.stderr.split())[-300:]
        raise DataError(f"git {arguments[0]} in {root} failed ({reason}); what is needed cannot be told")
    return done.stdout
