"""Publishing a bundle: its files as objects, a release record with a rising version, then the champion pointer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import Conflict, DataError
from pipelines.files import replacing_folder
from pipelines.release.store import Store

_TRIES = 20  # rounds against others who publish the same use case at the same time


@dataclass(frozen=True)
class FileFacts:
    """What a file of a bundle must be."""

    sha256: str
    length: int  # bytes


@dataclass(frozen=True)
class Release:
    """One published bundle. version rises with each release of a use case; bundle: sha256 of its manifest.json.

    facts: what the bundle must not hold because its inputs do not determine it (time, commit, hash of dvc.lock).
    """

    use_case: str
    version: int
    bundle: str
    files: dict[str, FileFacts]
    facts: dict[str, str]

    def to_bytes(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Release:
        read: dict[str, Any] = json.loads(data)
        return cls(**read | {"files": {name: FileFacts(**file) for name, file in read["files"].items()}})


def publish(store: Store, use_case: str, bundle: Path, facts: dict[str, str]) -> Release:
    """Make `bundle` (a folder) the champion of `use_case`. Safe to repeat and to race.

    A bundle that is champion already keeps its release. A crash between the steps leaves objects that nobody points
    to; the next publish uses them. Raises DataError where the folder is no whole bundle, StoreError.
    """
    files = _read_bundle(bundle)
    identity = _sha256(files["manifest.json"])
    for data in files.values():
        store.put(_object_key(_sha256(data)), data)
    described = {name: FileFacts(_sha256(data), len(data)) for name, data in files.items()}
    for _ in range(_TRIES):
        held = store.read_pointer(_pointer_key(use_case))
        before = Release.from_bytes(held[0]) if held else None
        if before is not None and before.bundle == identity:
            return before
        release = _record(store, Release(use_case, (before.version if before else 0) + 1, identity, described, facts))
        try:
            store.swap_pointer(_pointer_key(use_case), release.to_bytes(), held[1] if held else None)
        except Conflict:
            continue  # somebody else published: decide anew against their release
        return release
    raise Conflict(f"release store {store.url}: others kept publishing {use_case}; nothing is lost, run again")


def champion(store: Store, use_case: str) -> Release | None:
    """The release that the champion pointer names; None before the first. Raises StoreError."""
    held = store.read_pointer(_pointer_key(use_case))
    return None if held is None else Release.from_bytes(held[0])


def fetch(store: Store, release: Release, folder: Path) -> None:
    """Write a release's bundle to `folder`, whole or not at all. Raises DataError for bytes not as released."""
    with replacing_folder(folder) as new:
        for name, facts in release.files.items():
            data = store.get(_object_key(facts.sha256))
            if data is None or len(data) != facts.length or _sha256(data) != facts.sha256:
                raise DataError(
                    f"{store.url}: {name} of {release.use_case} release {release.version} is missing or not what "
                    f"was released; publish the bundle again"
                )
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(data)


def _record(store: Store, release: Release) -> Release:
    """Write the release record under the next free version; one that holds this bundle already is taken as it is."""
    version = release.version
    while True:
        key = f"releases/{release.use_case}/{version:08d}.json"
        mine = Release(release.use_case, version, release.bundle, release.files, release.facts)
        found = store.get(key)
        if found is None:
            try:
                store.put(key, mine.to_bytes())
                return mine
            except Conflict:
                found = store.get(key)
        if found is not None and Release.from_bytes(found).bundle == release.bundle:
            return Release.from_bytes(found)
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


def _object_key(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _pointer_key(use_case: str) -> str:
    return f"champions/{use_case}.json"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
