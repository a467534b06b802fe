"""The raw alarm: whether any statistic is beyond its limit or any sensor looks broken, before anybody sorts it out."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from pipelines.files import Place
from pipelines.watch import watch


def raw_alarm(place: Place, use_case: str, log: Path, now: datetime) -> bool:
    """Whether the field log alarms at `now`. No ticket stays and nothing is masked: what is broken alarms again."""
    judgement = watch(place, use_case, log, now=now)
    for name in ("watch", "tickets"):
        shutil.rmtree(place.untracked(use_case, name), ignore_errors=True)
    place.untracked(use_case, "masks.json").unlink(missing_ok=True)
    return bool(judgement.findings) or judgement.verdict.drift
