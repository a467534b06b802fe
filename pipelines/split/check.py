"""What one question of the leakage audit answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One question of the audit. value: None where there is too little to judge; passed: value <= limit.

    refuses: a finding stops the split; else it is told and the lap goes on.
    """

    name: str
    value: float | None
    limit: float
    passed: bool
    sentence: str
    refuses: bool = True


def count(name: str, found: Sequence[str], noun: str, what: str) -> Check:
    """A check that must find nothing; it names what it found: ("device", "on two sides")."""
    sentence = f"{len(found)} {noun}s {what}: {few(found)}" if found else f"no {noun} {what}"
    return Check(name, float(len(found)), 0.0, not found, sentence)


def unjudged(name: str, limit: float, why: str, *, refuses: bool = True) -> Check:
    """A check that cannot say anything here."""
    return Check(name, None, limit, True, f"not judged: {why}", refuses)


def few(names: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
