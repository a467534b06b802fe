"""The champions of a use case, from the newest back: each release names the one that it replaced."""

from __future__ import annotations

from itertools import pairwise

from pipelines.errors import DataError
from pipelines.release.publish import champion
from pipelines.release.record import Release, record_key
from pipelines.release.store import Store


def history(store: Store, use_case: str) -> list[Release]:
    """Every release that was champion, the newest first; empty before the first.

    Records that nobody points to, of publishers that lost a race or died, are not in it. Raises DataError where a
    record is gone, StoreError.
    """
    found: list[Release] = []
    at = champion(store, use_case)
    while at is not None:
        found.append(at)
        at = _read(store, use_case, at.replaces) if at.replaces else None
    return found


def withdrawn(releases: list[Release], bundle: str) -> Release | None:
    """The restoring release that took this bundle off the fleet; None where nobody did.

    releases: as `history` gives them. Once the bundle was published again on purpose it is no longer withdrawn.
    """
    if releases and releases[0].bundle == bundle:
        return None
    newer = next((above for above, below in pairwise(releases) if below.bundle == bundle), None)
    return newer if newer is not None and newer.restores is not None else None


def _read(store: Store, use_case: str, version: int) -> Release:
    data = store.get(record_key(use_case, version))
    if data is None:
        raise DataError(f"{store.url} lacks the record of {use_case} release {version}; its history ends there")
    return Release.from_bytes(data)
