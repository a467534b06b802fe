"""Publishing a use case's bundle from a checkout, with the facts that the bundle itself must not hold."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from pipelines.files import Place
from pipelines.release import champion, open_store, publish


def publish_bundle(root: Path, use_case: str) -> tuple[str, str]:
    """Publish data/<use_case>/export/bundle; the ending's name and a sentence.

    Safe to repeat: a bundle that is the champion already stays the release it is. Raises StoreError, DataError.
    """
    place = Place(root)
    store = open_store(place)
    before = champion(store, use_case)
    release = publish(store, use_case, place.room(use_case, "export") / "bundle", _facts(root))
    if before is not None and before.version == release.version:
        return "Unchanged", f"{use_case} release {release.version} in {store.url} is this bundle already"
    return "Ran", f"{use_case} release {release.version} (bundle {release.bundle[:12]}) is champion in {store.url}"


def _facts(root: Path) -> dict[str, str]:
    """When and from what: time, hash of dvc.lock, commit of the code where there is a git history."""
    lock = root / "dvc.lock"
    facts = {"published": datetime.now(UTC).isoformat(timespec="seconds")}
    if lock.exists():
        facts["dvc_lock"] = hashlib.sha256(lock.read_bytes()).hexdigest()
    commit = _commit(root)
    if commit:
        facts["code_commit"] = commit
    return facts


def _commit(root: Path) -> str | None:
    """HEAD's commit, read by DVC's own git library; None without a history."""
    from dvc.scm import SCM, NoSCM, SCMError

    if not (root / ".git").exists():
        return None
    try:
        scm = SCM(str(root))
        return None if isinstance(scm, NoSCM) else str(scm.get_rev())
    except SCMError:
        return None  # a repository without a commit
