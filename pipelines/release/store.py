"""The release store: content-addressed objects written once, and pointers changed by compare-and-swap."""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Two kinds of keys: objects never change once written; pointers change, each time against a known etag."""

    url: str  # for messages

    def put(self, key: str, data: bytes) -> None:
        """Write an object once; the same bytes again change nothing.

        Raises Conflict where the key holds other bytes, StoreError where the store does not answer as it should.
        """

    def get(self, key: str) -> bytes | None:
        """An object's bytes; None where there is none. Raises StoreError."""

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's value and etag; None where it was never set. Raises StoreError."""

    def swap_pointer(self, key: str, value: bytes, etag: str | None) -> None:
        """Set a pointer that still has `etag` (None: never set). Raises Conflict where it moved; StoreError."""
