"""Publishing a bundle: its files as objects, a release record with a rising version, then the champion pointer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.errors import Conflict, DataError
from pipelines.files import replacing_folder
from pipelines.release.record import FileFacts, Release, pointer_key, record_key
from pipelines.release.store import Store

_TRIES = 20  # rounds against others who publish the same use case at the same time


def publish(store: Store, use_case: str, bundle: Path, facts: dict[str, str], over: int | None = None) -> Release:
    """Make `bundle` (a folder) the champion of `use_case`. Safe to repeat and to race.

    over: the champion's version that the bundle was compared with (0: there was none); None: whichever it is. A bundle
    that is champion already keeps its release. A crash between the steps leaves objects that nobody points to; the
    next publish uses them. Raises DataError where the folder is no whole bundle, Conflict where the champion is not
    `over` any more, StoreError.
    """
    files = _read_bundle(bundle)
    for data in files.values():
        store.put(object_key(_sha256(data)), data)
    described = {name: FileFacts(_sha256(data), len(data)) for name, data in files.items()}
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    candidate = Release(
        use_case,
        version=0,
        bundle=_sha256(files["manifest.json"]),
        files=described,
        facts=facts,
        scores=manifest.get("metrics", {}).get(manifest.get("primary"), {}),
        data=manifest.get("data_hash", ""),
    )
    return _crown(store, candidate, over)


def restore(store: Store, use_case: str, version: int, facts: dict[str, str]) -> Release:
    """Publish an older release's bundle again, under a higher version. A champion stays the release it is.

    Raises DataError where there is no such release or one of its files is not in the store as released; StoreError.
    """
    found = store.get(record_key(use_case, version))
    if found is None:
        raise DataError(f"{store.url} has no release {version} of {use_case}; see `fleetloop history {use_case}`")
    old = Release.from_bytes(found)
    for name in old.files:
        _released(store, old, name)
    return _crown(store, replace(old, facts=facts | {"restores": str(version)}), over=None)


def _crown(store: Store, candidate: Release, over: int | None) -> Release:
    """Record the candidate under the next version and move the champion pointer to it, against all who do the same."""
    use_case = candidate.use_case
    for _ in range(_TRIES):
        held = store.read_pointer(pointer_key(use_case))
        before = Release.from_bytes(held[0]) if held else None
        if before is not None and before.bundle == candidate.bundle:
            return before
        version = before.version if before else 0
        if over is not None and over != version:
            raise Conflict(f"release store {store.url}: {use_case} release {version} became champion meanwhile")
        release = _record(store, replace(candidate, version=version + 1, replaces=version or None))
        try:
            store.swap_pointer(pointer_key(use_case), release.to_bytes(), held[1] if held else None)
        except Conflict:
            continue  # somebody else published: decide anew against their release
        return release
    raise Conflict(f"release store {store.url}: others kept publishing {use_case}; nothing is lost, run again")


def champion(store: Store, use_case: str) -> Release | None:
    """The release that the champion pointer names; None before the first. Raises StoreError."""
    held = store.read_pointer(pointer_key(use_case))
    return None if held is None else Release.from_bytes(held[0])


def fetch(store: Store, release: Release, folder: Path) -> None:
    """Write a release's bundle to `folder`, whole or not at all. Raises DataError for bytes not as released."""
    with replacing_folder(folder) as new:
        for name in release.files:
            data = _released(store, release, name)
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(data)


def _released(store: Store, release: Release, name: str) -> bytes:
    """A file of a release. Raises DataError for bytes not as released."""
    facts = release.files[name]
    data = store.get(object_key(facts.sha256))
    if data is None or len(data) != facts.length or _sha256(data) != facts.sha256:
        raise DataError(
            f"{store.url}: {name} of {release.use_case} release {release.version} is missing or not what was "
            f"released; publish the bundle again"
        )
    return data


def _record(store: Store, release: Release) -> Release:
    """Write the release record under the next free version; this very succession, recorded already, is taken as it is.

    A record of the same bundle over another champion is what somebody left who lost the race: not ours to take.
    """
    version = release.version
    while True:
        key = record_key(release.use_case, version)
        mine = replace(release, version=version)
        found = store.get(key)
        if found is None:
            try:
                store.put(key, mine.to_bytes())
                return mine
            except Conflict:
                found = store.get(key)
        if found is not None:
            other = Release.from_bytes(found)
            if (other.bundle, other.replaces) == (release.bundle, release.replaces):
                return other
        version += 1


def _read_bundle(bundle: Path) -> dict[str, bytes]:
    """The bundle's files by name. Raises DataError where one is missing or is not what the manifest says."""
    manifest = bundle / "manifest.json"
    if not manifest.is_file():
        raise DataError(f"{bundle} is no bundle (no manifest.json); run `fleetloop run USE_CASE` to make one")
    stated: dict[str, dict[str, Any]] = json.loads(manifest.read_bytes())["files"]
    files = {"manifest.json": manifest.read_bytes()}
    for name, facts in sorted(stated.items()):
        path = bundle / name
        data = path.read_bytes() if path.is_file() else None
        if data is None or len(data) != facts["length"] or _sha256(data) != facts["sha256"]:
            raise DataError(f"{path} is missing or not what manifest.json says; run `fleetloop run USE_CASE` again")
        files[name] = data
    return files


def object_key(digest: str) -> str:
    """Where the store keeps bytes, by their sha256."""
    return f"objects/{digest[:2]}/{digest}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
