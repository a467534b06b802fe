"""Bundles into the release store and out of it: content-addressed objects, rising versions, a champion pointer."""

from __future__ import annotations

import os

from pipelines.errors import ParamsError
from pipelines.files import Place
from pipelines.release.history import history, withdrawn
from pipelines.release.publish import champion, fetch, object_key, publish, restore
from pipelines.release.record import FileFacts, Release
from pipelines.release.store import Store


def open_store(place: Place, url: str | None = None) -> Store:
    """The store at `url`, by default at FLEETLOOP_STORE, else the folder data/release of the checkout.

    url: s3://bucket/prefix, or a folder. Raises ParamsError for another scheme, StoreError where S3 has no settings.
    """
    where = url or os.environ.get("FLEETLOOP_STORE") or str(place.root / "data" / "release")
    scheme, separator, rest = where.partition("://")
    if not separator:
        from pipelines.release.directory import DirectoryStore

        return DirectoryStore(place.root / where)
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ParamsError(f"FLEETLOOP_STORE is {where!r}; expected s3://bucket/prefix or a folder")
    from pipelines.release.s3 import S3Store

    return S3Store(bucket, prefix.strip("/"))


__all__ = [
    "FileFacts",
    "Release",
    "Store",
    "champion",
    "fetch",
    "history",
    "object_key",
    "open_store",
    "publish",
    "restore",
    "withdrawn",
]
