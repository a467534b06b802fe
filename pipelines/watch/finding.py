"""What a judgement found, and what may be done about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["sensor_fault", "upstream_change", "new_regime", "concept_drift"]
CURABLE: tuple[Kind, ...] = ("new_regime", "concept_drift")
"""What learning anew can cure. The others are mended where they are made."""


@dataclass(frozen=True)
class Finding:
    """One change in the field. cohort: "fleet", "vendor=cima", or a device. evidence: sentences with numbers.

    first_seen, last_seen: ISO, UTC. retrain: whether it may start a training; a new regime may once it is confirmed.
    """

    use_case: str
    kind: Kind
    cohort: str
    channels: tuple[str, ...]
    first_seen: str
    last_seen: str
    evidence: tuple[str, ...]
    retrain: bool

    @property
    def id(self) -> str:
        """The same for the same change, however often it is judged."""
        key = [self.use_case, self.kind, self.cohort, list(self.channels), self.first_seen]
        return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]

    @property
    def ticket(self) -> bool:
        """Whether a person has to mend something."""
        return self.kind not in CURABLE

    @property
    def sentence(self) -> str:
        """The finding, to be read aloud."""
        about = f" ({', '.join(self.channels)})" if self.channels else ""
        return f"{self.kind.replace('_', ' ')} in {self.cohort}{about}: {'; '.join(self.evidence)}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self) | {"id": self.id, "channels": list(self.channels), "evidence": list(self.evidence)}

    @staticmethod
    def from_dict(found: dict[str, Any]) -> Finding:
        """What `to_dict` gave. Raises KeyError."""
        names = ("use_case", "kind", "cohort", "first_seen", "last_seen", "retrain")
        plain = {name: found[name] for name in names}
        return Finding(**plain, channels=tuple(found["channels"]), evidence=tuple(found["evidence"]))
