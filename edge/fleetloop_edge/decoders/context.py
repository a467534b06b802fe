"""What is known of a payload beside its bytes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from fleetloop_edge.errors import EdgeError


@dataclass
class Context:
    """fields: of the message around the payload (its topic, its file); the payload's own come before them.

    births: what Sparkplug B's birth certificates said so far, by edge node. A gateway keeps one context a connection.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    births: dict[str, dict[int, str]] = field(default_factory=dict)

    def about(self, fields: Mapping[str, Any]) -> Context:
        """The same connection, another message."""
        return Context(fields, self.births)


def optional_library(name: str) -> ModuleType:
    """A library of the extra `formats`. Raises EdgeError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise EdgeError(f"{name} is not installed; install fleetloop-edge[formats]") from None
