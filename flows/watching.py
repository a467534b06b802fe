"""The flow `watch`: judge a field log, remember in the store what waits for a retraining, tell the world.

One `fleetloop.drift` event a judgement starts `retrain` by a Prefect automation. The event says where to look; what it
says is never acted upon: the governor reads the findings from the store.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.ending import wrong_parameters
from flows.errand import ended_clearly
from flows.governor import Drift, Ledger
from flows.ground import ground_of
from flows.notify import notify
from flows.papers import pages, url_of
from flows.why import Why
from flows.workspace import sweep
from pipelines.files import Place
from pipelines.params import load_params
from pipelines.release import open_store

if TYPE_CHECKING:
    from pipelines.watch import Judgement

EVENT = "fleetloop.drift"
_TOLD = 3  # findings that a state's message names


@flow(name="watch", flow_run_name="{use_case}-watch", persist_result=False, on_failure=[wrong_parameters])
def watch(use_case: str, log: str, root: str = ".", now: datetime | None = None) -> Any:
    """Judge the field log `log` (a folder, below `root` unless absolute) of a use case as it was known at `now`.

    Findings that may start a training wait in the store and make one event; tickets go to the webhook, the first time.
    Ends Completed: by the name Drift where something waits for a retraining, NoLog where there is no field log yet.
    """
    get_run_logger().info("watch %s in %s", use_case, log)
    home = Path(root).resolve()
    sweep(home)  # the most frequent flow keeps house for the others
    why = Why("watch", run=str(flow_run.id))
    return ended_clearly(home, [use_case], why, lambda: _watch(use_case, home, home / log, now, why))


def _watch(use_case: str, home: Path, log: Path, now: datetime | None, why: Why) -> State[Any]:
    from pipelines.watch import read_tickets
    from pipelines.watch import watch as judge

    case = load_params(home).use_case(use_case)
    if not log.is_dir():
        return Completed(name="NoLog", message=f"{log} does not exist yet: the field has sent nothing", data={})
    known = {ticket.id for ticket in read_tickets(Place(home), use_case)}
    judgement = judge(Place(ground_of(home, use_case)), use_case, log, now=now)
    page = _publish_page(home, use_case, judgement)
    _show(use_case, judgement, page)
    for ticket in judgement.tickets:
        if ticket.id not in known:
            notify(home, "ticket", [use_case], ticket.sentence, why, report=page, finding=ticket.to_dict())
    if not judgement.events:
        return Completed(message=_in_short(judgement), data={})
    ledger = Ledger(open_store(Place(home)), use_case, case.retrain)
    moment = now or datetime.now(UTC)
    ledger.found(Drift(found.id, found.sentence, moment, page) for found in judgement.events)
    emit_event(EVENT, resource=_resource(use_case), payload=_payload(judgement, page))
    notify(home, "drift", [use_case], judgement.sentence, why, report=page)
    return Completed(name="Drift", message=_in_short(judgement), data={})


def _in_short(judgement: Judgement) -> str:
    """What was found and where, without its evidence: the run's page has the whole."""
    verdict, found = judgement.verdict, judgement.findings
    if not found:
        count = sum(test.value is not None for test in verdict.tests)
        return f"nothing to act on in {count} statistics of {verdict.devices} devices"
    told = [f"{f.kind.replace('_', ' ')} in {f.cohort} ({', '.join(f.channels) or 'all channels'})" for f in found]
    return "; ".join(told[:_TOLD]) + (f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else "")


def _resource(use_case: str) -> dict[str, str]:
    """What an automation matches on."""
    return {"prefect.resource.id": f"fleetloop.use-case.{use_case}", "prefect.resource.name": use_case}


def _payload(judgement: Judgement, page: str) -> dict[str, Any]:
    """For people and logs: the report, and each finding's cohort, channels and evidence."""
    return {"report": page, "sentence": judgement.sentence, "findings": [f.to_dict() for f in judgement.events]}


def _publish_page(home: Path, use_case: str, judgement: Judgement) -> str:
    """The report where a browser finds it; its address."""
    folder = pages(home) / "watch" / use_case / str(judgement.number)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(judgement.html, folder / "report.html")
    return url_of(home, folder / "report.html")


def _show(use_case: str, judgement: Judgement, page: str) -> None:
    lines = [f"- **{f.kind.replace('_', ' ')}** {f.sentence}" for f in judgement.findings]
    text = "\n".join([judgement.sentence, "", *lines, "", f"[Evidently report]({page})"])
    key = f"{use_case.replace('_', '-').lower()}-judgement"
    create_markdown_artifact(text, key=key, description=f"Judgement {judgement.number} of {use_case}")
