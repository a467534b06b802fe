"""The demo from the block of params.yaml to the page: its folder, its parameters, its server, its end."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import yaml

from flows.checkout import copy_checkout, set_params
from flows.demo.beside import Beside
from flows.demo.deployed import Deployed, served
from flows.demo.loop import Loop, about
from flows.demo.world import World
from flows.reproduce import Processes
from pipelines.errors import DataError, ParamsError
from pipelines.files import write_bytes
from pipelines.params import DemoSpec, load_params

if TYPE_CHECKING:
    from pipelines.demo import Policy, Story

MARK = ".fleetloop-demo"
DEPLOYMENTS = ("infra/prefect.yaml", "infra/automations.yaml")


def show_loop(root: Path, folder: Path, say: Callable[[str], None]) -> tuple[Path, Story]:
    """Let the demo of params.yaml happen in `folder`, a checkout of its own that replaces an earlier one's.

    The page's path and what it tells; timeline.json lies beside the page. Raises ParamsError where params.yaml has no
    demo, DataError where the folder holds something else or a step fails, StoreError where the server does not do its
    part. However it ends, no process of it is left.
    """
    from pipelines.demo import write_story

    spec = load_params(root).demo
    if spec is None:
        raise ParamsError("params.yaml has no block `demo`, which says what happens to the fleet")
    if folder.exists() and not (folder / MARK).exists():
        raise DataError(f"{folder} exists and is no folder of an earlier demo; name a new one (-o)")
    shutil.rmtree(folder, ignore_errors=True)
    _make_checkout(root, folder, spec)
    dataset = load_params(folder).use_case(spec.use_case).dataset
    with _ended_by_sigterm(), ExitStack() as stack:
        processes = Processes()
        stack.callback(processes.end)
        world = World(folder, dataset, spec, processes)
        stack.callback(world.close)
        plan = stack.enter_context(served(folder, say))
        loop = Loop(folder, spec, world, Deployed(plan, spec.use_case), processes, say)
        first = loop.begin()
        alarmed = loop.season_of(folder / "beside" / "alarmed", folder / "season" / "alarmed")
        beside = Beside(folder, dataset, spec, alarmed, processes, first)
        stack.callback(beside.close)
        stack.callback(processes.end)  # before the lanes are waited for: an interrupted lap is not finished first
        loop.live(beside)
        say("the other policies, over the same days")
        story = _story(loop, beside, world)
    return write_story(folder, story), story


def _make_checkout(root: Path, folder: Path, spec: DemoSpec) -> None:
    """A copy of the checkout with this fleet's own params.yaml; its deployments start when they are told to."""
    copy_checkout(root, folder)
    (folder / MARK).touch()
    dataset = load_params(folder).use_case(spec.use_case).dataset
    fleet = f"datasets.{dataset}.simulate"
    active = {"datasets": [dataset], "use_cases": {spec.use_case: {"dataset": dataset}}}
    values = {"active": active, f"{fleet}.devices": spec.devices, f"{fleet}.days": spec.history_days} | spec.params
    set_params(folder, values)
    load_params(folder)
    (folder / "infra").mkdir()
    for name in DEPLOYMENTS:
        shutil.copyfile(root / name, folder / name)
    written = yaml.safe_load((folder / DEPLOYMENTS[0]).read_text())
    for entry in written["deployments"]:
        entry.pop("schedules", None)  # simulated time has a clock of its own
    write_bytes(folder / DEPLOYMENTS[0], yaml.safe_dump(written, sort_keys=False).encode())


def _story(loop: Loop, beside: Beside, world: World) -> Story:
    from pipelines.demo import Story, caught, judge_tickets

    spec, case = loop.spec, loop.case
    seen = caught([about(order) for order in spec.orders], loop.entries)
    tickets = judge_tickets(world.truth, [t for t in loop.tickets.values() if t.kind == "sensor_fault"])
    fleet = f"{spec.devices} devices · {spec.days} days, judged every {spec.every_days} · use case {spec.use_case}"
    currency = case.decision.currency
    return Story(
        tuple(loop.entries),
        tuple(_policies(loop, beside)),
        tuple(seen),
        tickets.sentence,
        currency,
        fleet,
        float(spec.days),
    )


def _policies(loop: Loop, beside: Beside) -> Iterator[Policy]:
    from pipelines.demo import Policy

    others = [(o.name, o.bundles, o.retrained, o.published) for o in beside.others()]
    for name, bundles, retrained, published in [
        ("the loop", loop.bundles, loop.retrained, loop.published), *others,
    ]:  # fmt: skip
        days = tuple(float((span + 1) * loop.spec.every_days) for span in retrained)
        worth = loop.season.worth(bundles[: loop.spec.spans])
        yield Policy(name, days, published, worth, loop.spec.retraining_cost)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: in order, with all that it started."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
