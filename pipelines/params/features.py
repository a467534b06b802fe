"""The features of a use case where its YAML leaves some out: the channels of its dataset, the list of its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines.params.expand import expand_keys
from pipelines.tasks import TaskSpec

LIST = frozenset(
    ("trailing", "spectral", "ewma", "lags", "calendar", "baseline_rows", "age", "missing", "min_rows", "sequence")
)
"""The keys that say which features there are; a block that has one of them states the whole list."""


def states_list(case: Mapping[str, Any]) -> bool:
    """Whether a use case, as YAML has it, says itself which features there are."""
    return bool(LIST & set(case.get("features") or {}))


def stated_or_default(case: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The block `features` of a use case, as YAML has both, with what it leaves out.

    Without a list of features, the task gives one; rows may then come half a period late.
    """
    period = dataset.get("period_s")
    found: dict[str, Any] = {"channels": list(expand_keys(dataset.get("channels") or {})), "period_s": period}
    if not states_list(case):
        if isinstance(period, (int, float)):
            found["late_s"] = period / 2
        found |= _of_task(case.get("task"))
    return found | dict(case.get("features") or {})


def _of_task(raw: Any) -> dict[str, Any]:
    """The task's own list; nothing of a task that is not valid, which loading the tree tells better."""
    try:
        return TypeAdapter[Any](TaskSpec).validate_python(raw).features()  # type: ignore[no-any-return]
    except ValidationError:
        return {}
