"""Telling people: a plain POST of JSON to the addresses in FLEETLOOP_WEBHOOK, and Prefect's own blocks by name."""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from flows.why import Why

Kind = Literal["held", "drift", "ticket", "failure"]

_TIMEOUT_S = 10.0
_LOG = logging.getLogger("prefect.flow_runs.notify")


def notify(home: Path, kind: Kind, use_cases: list[str], sentence: str, why: Why, **more: Any) -> int:
    """Send one note to every address; how many took it. An address that does not answer is warned of and stops nothing.

    FLEETLOOP_WEBHOOK: addresses, comma between. FLEETLOOP_NOTIFY: names of Prefect notification blocks, as
    slack-webhook/operators. The note: kind, use_cases, sentence, cause, run, time, project and what `more` adds.
    """
    note = {
        "kind": kind,
        "use_cases": use_cases,
        "sentence": sentence,
        "cause": why.cause,
        "run": why.run,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "project": home.name,
    } | more
    sent = sum(_post(address, note) for address in _listed("FLEETLOOP_WEBHOOK"))
    return sent + sum(_block(name, note) for name in _listed("FLEETLOOP_NOTIFY"))


def _listed(variable: str) -> list[str]:
    return [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]


def _post(address: str, note: dict[str, Any]) -> bool:
    try:
        request = urllib.request.Request(
            address, json.dumps(note).encode(), {"content-type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
            return True
    except (urllib.error.URLError, OSError, ValueError) as error:
        host = address.partition("://")[2].partition("/")[0] or "FLEETLOOP_WEBHOOK"  # the path may be a secret
        _LOG.warning("%s could not be told of a %s: %s", host, note["kind"], error)
        return False


def _block(name: str, note: dict[str, Any]) -> bool:
    from prefect.blocks.core import Block

    try:
        block: Any = Block.load(name)
        block.notify(body=note["sentence"], subject=f"fleetloop: {note['kind']} of {', '.join(note['use_cases'])}")
    except Exception as error:  # a block may raise whatever its service's library raises
        _LOG.warning("the notification block %s could not be used for a %s: %s", name, note["kind"], error)
        return False
    return True
