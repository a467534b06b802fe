"""A dataset's retention policy, applied: cutoffs and raw files now, DVC's cache once no lock file needs it any more.

What goes leaves the raw folder and the tables at once; its bytes stay in DVC's cache as long as any lock file names
them: of this checkout, its workspaces, any git ref, any release. Run it again after `dvc repro` and a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flows.locks import Named, listing_of, locks_of, object_path
from flows.raw import track
from pipelines.files import Place, read_json, write_json
from pipelines.ingest import Retirement, plan_retention, sha256_of, write_ledger
from pipelines.params import load_params


@dataclass(frozen=True)
class Cached:
    """What an older state of a tier has in DVC's cache, and whether it may go. listing: its md5."""

    listing: str
    tier: str
    free: tuple[str, ...]  # md5 of the objects that no lock needs
    size: int  # bytes of these
    needed: int  # objects
    why: str  # who needs them

    @property
    def goes(self) -> bool:
        return bool(self.free)


def planned(root: Path, name: str, now: datetime) -> tuple[Retirement, list[Cached]]:
    """What the policy takes, and what of earlier states may leave the cache; nothing is changed.

    Raises ParamsError where there is no policy, DataError where what is needed cannot be told.
    """
    found = plan_retention(Place(root), name, load_params(root).dataset(name), now)
    return found, list(_cached(root, name))


def apply(root: Path, name: str, now: datetime, ingest: Callable[[], None]) -> tuple[Retirement, list[Cached]]:
    """Do it. ingest: brings the tables up to the raw files and cutoffs. May be killed at any point and run again."""
    place = Place(root)
    found, _ = planned(root, name, now)
    raw = place.raw(name)
    track(root, name)  # what leaves the folder below stays in the cache
    _remember(root, name, found)
    write_ledger(raw, found, {file: sha256_of(raw / file) for file in found.files if (raw / file).is_file()})
    for file in found.files:
        (raw / file).unlink(missing_ok=True)
    track(root, name)
    ingest()
    cached = list(_cached(root, name))
    cache = cache_of(root)
    for one in cached:
        for md5 in one.free:
            object_path(cache, md5).unlink(missing_ok=True)
    _forget(root, name, [one.listing for one in cached if not one.needed and not one.why])
    return found, cached


def cache_of(root: Path) -> Path:
    """The folder of DVC's objects."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        return Path(repo.cache.local.path)


def _state(root: Path, name: str) -> Path:
    return Place(root).untracked(name, "retention") / "listings.json"


def _remember(root: Path, name: str, found: Retirement) -> None:
    """The states that something is about to leave: raw files and tables as the locks of this checkout name them."""
    known = _listings(root, name)
    if any(item.goes for item in found.items):
        for tier, lock, path in (
            ("raw", root / "data" / "raw" / f"{name}.dvc", f"data/raw/{name}"),
            ("rows and quarantine", root / "dvc.lock", f"data/{name}/ingest/tables"),
        ):
            own = [one.md5 for one in locks_of(root, name) if one.path == path and _is_own(one, lock)]
            known |= dict.fromkeys(own, tier)
    write_json(_state(root, name), known)


def _is_own(one: Named, lock: Path) -> bool:
    return ": " not in one.lock and Path(one.lock).name == lock.name


def _listings(root: Path, name: str) -> dict[str, str]:
    path = _state(root, name)
    found: dict[str, str] = read_json(path, f"fleetloop retention {name}") if path.is_file() else {}
    return found


def _forget(root: Path, name: str, done: list[str]) -> None:
    left = {listing: tier for listing, tier in _listings(root, name).items() if listing not in done}
    write_json(_state(root, name), left)


def _cached(root: Path, name: str) -> Iterator[Cached]:
    """Each remembered state: which of its objects no lock file needs."""
    states = _listings(root, name)
    if not states:
        return
    cache = cache_of(root)
    if not cache.is_relative_to((root / ".dvc").resolve()) and not cache.is_relative_to(root / ".dvc"):
        for listing, tier in states.items():
            yield Cached(listing, tier, (), 0, 1, f"the cache {cache} is shared: who else needs it cannot be told")
        return
    needed, blind = _needed(cache, locks_of(root, name), name)
    for listing, tier in states.items():
        held = {*(listing_of(cache, listing) or {}).values(), listing}
        here = [md5 for md5 in held if object_path(cache, md5).is_file()]
        free = () if blind else tuple(sorted(md5 for md5 in here if md5 not in needed))
        size = sum(object_path(cache, md5).stat().st_size for md5 in free)
        who = needed.get(listing) or next((needed[md5] for md5 in here if md5 in needed), "")
        yield Cached(listing, tier, free, size, len(here) - len(free), blind or (f"needed by {who}" if who else ""))


def _needed(cache: Path, locks: list[Named], name: str) -> tuple[dict[str, str], str]:
    """md5 of every object that a lock needs -> which lock; and why that cannot be told, else ""."""
    found: dict[str, str] = {}
    own = (f"data/raw/{name}", f"data/{name}/ingest/")
    for one in locks:
        found.setdefault(one.md5, one.lock)
        if one.md5.endswith(".dir"):
            listed = listing_of(cache, one.md5)
            if listed is None and one.path.startswith(own):
                return found, f"{one.lock} needs {one.path}, whose listing is not in the cache; bring it by `dvc fetch`"
            for md5 in (listed or {}).values():
                found.setdefault(md5, one.lock)
    return found, ""
