"""What a release says of itself: which bundle, which version, what it replaced, and who, when, why, from what."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class FileFacts:
    """What a file of a bundle must be."""

    sha256: str
    length: int  # bytes


@dataclass(frozen=True)
class Release:
    """One published bundle. version rises with each release of a use case; bundle: sha256 of its manifest.json.

    facts: what the bundle must not hold because its inputs do not determine it: `published` (time), `by`, `cause`,
    `comparison` (a sentence), `dvc_lock` and `params` (hashes), `code_commit`, `run`, `restores` (a version). data: the
    bundle's hash of its data. scores: of the model that ships, on the test devices. replaces: the champion before it.
    """

    use_case: str
    version: int
    bundle: str
    files: dict[str, FileFacts]
    facts: dict[str, str]
    scores: dict[str, float] = field(default_factory=dict)
    data: str = ""
    replaces: int | None = None

    @property
    def restores(self) -> int | None:
        """The older version that this one brought back."""
        return int(self.facts["restores"]) if "restores" in self.facts else None

    def to_bytes(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Release:
        read: dict[str, Any] = json.loads(data)
        return cls(**read | {"files": {name: FileFacts(**file) for name, file in read["files"].items()}})


def record_key(use_case: str, version: int) -> str:
    """Where the store keeps a release's record."""
    return f"releases/{use_case}/{version:08d}.json"


def pointer_key(use_case: str) -> str:
    """Where the store keeps the champion's record."""
    return f"champions/{use_case}.json"
