"""How long work shows how far it is, without knowing who looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Shown(Protocol):
    """Hands items on as they are, telling somebody how many of `total` have gone by."""

    def __call__(self, items: Iterable[T], total: int) -> Iterable[T]: ...


def unseen(items: Iterable[T], total: int) -> Iterable[T]:
    """Nobody looks."""
    return items
