"""Why a lap runs and on whose word: what its release says of itself besides the data."""

from __future__ import annotations

import getpass
from dataclasses import dataclass


@dataclass(frozen=True)
class Why:
    """cause: hand, schedule, ci or drift; the flow's own name where it only looks.

    by: a person or a machine's user. run: the flow run.
    """

    cause: str = "hand"
    by: str = ""
    run: str = ""

    def facts(self) -> dict[str, str]:
        """What is said, as a release states it."""
        said = {"cause": self.cause, "by": self.by or user(), "run": self.run}
        return {name: value for name, value in said.items() if value}


def user() -> str:
    """Who runs this process; a machine without a name for its user gives the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
