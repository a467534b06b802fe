"""From a checkout's bundle to a release, or to a hold: the gates have passed; the champion has still to be met."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from flows.why import Why
from pipelines.errors import Conflict, Refused
from pipelines.export import bundle_path
from pipelines.files import Place, write_json
from pipelines.params import load_params
from pipelines.release import Release, Store, champion, fetch, history, object_key, open_store, publish, withdrawn

_TRIES = 5  # rounds against others who publish the same use case


def publish_bundle(root: Path, home: Path, use_case: str, why: Why, replace: bool = False) -> tuple[str, str]:
    """Publish data/<use_case>/export/bundle of the checkout `root`; the ending's name and a sentence.

    home: the checkout whose store it is, where FLEETLOOP_STORE names none. replace: the gates alone decide. Safe to
    repeat: a bundle that is the champion already stays the release it is. Raises Refused where the candidate is held,
    StoreError, DataError.
    """
    store = open_store(Place(home))
    bundle = bundle_path(Place(root), use_case)
    for _ in range(_TRIES):
        before = champion(store, use_case)
        if before is not None and before.bundle == _sha256(bundle / "manifest.json"):
            return "Unchanged", f"{use_case} release {before.version} in {store.url} is this bundle already"
        facts = _facts(root, why)
        _keep_lock(root, store, facts)
        if before is not None and not replace:
            facts["comparison"] = _compared(Place(root), store, use_case, before)
        try:
            release = publish(store, use_case, bundle, facts, over=before.version if before else 0)
        except Conflict:
            continue  # another champion: compare with that one
        return "Ran", f"{use_case} release {release.version} (bundle {release.bundle[:12]}) is champion in {store.url}"
    raise Conflict(f"release store {store.url}: others kept publishing {use_case}; nothing is lost, run again")


def comparison_path(place: Place, use_case: str) -> Path:
    """Where the last comparison with the champion stands, in figures; of the lap, not of DVC."""
    return place.untracked(use_case, "release") / "comparison.json"


def _compared(place: Place, store: Store, use_case: str, before: Release) -> str:
    """Why the candidate may replace the champion. Raises Refused where it may not."""
    bundle = _sha256(bundle_path(place, use_case) / "manifest.json")
    off = withdrawn(history(store, use_case), bundle)
    if off is not None:
        raise Refused(
            f"held: this very bundle was champion and was withdrawn by release {off.version} ({_who(off)}); "
            f"`fleetloop restore {use_case} VERSION` brings it back on purpose"
        )
    if load_params(place.root).use_case(use_case).release.rule == "gates":
        return "not compared: release.rule is gates"
    from pipelines.release.compare import compare

    with tempfile.TemporaryDirectory() as folder:
        fetch(store, before, Path(folder) / "champion")
        found = compare(place, use_case, Path(folder) / "champion", before.version)
    write_json(comparison_path(place, use_case), asdict(found))
    if not found.passed:
        raise Refused(f"held: {found.sentence}; release {before.version} stays champion")
    return found.sentence


def _who(release: Release) -> str:
    said = [release.facts.get(name, "") for name in ("by", "because")]
    return ": ".join(word for word in said if word) or "no reason given"


def _facts(root: Path, why: Why) -> dict[str, str]:
    """When, why and from what: hashes of dvc.lock and params.yaml, commit of the code where there is a history."""
    facts = why.facts() | {"published": datetime.now(UTC).isoformat(timespec="seconds")}
    for name, file in (("dvc_lock", "dvc.lock"), ("params", "params.yaml")):
        if (root / file).exists():
            facts[name] = _sha256(root / file)
    commit = _commit(root)
    if commit:
        facts["code_commit"] = commit
    return facts


def _keep_lock(root: Path, store: Store, facts: dict[str, str]) -> None:
    """The dvc.lock that a release names, under its hash: which data the release needs can be told ever after."""
    if "dvc_lock" in facts:
        store.put(object_key(facts["dvc_lock"]), (root / "dvc.lock").read_bytes())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
