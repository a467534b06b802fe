"""The lap's graph, read through DVC itself: dvc.yaml is never parsed a second time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Step:
    """One DVC stage. `address` is DVC's name for it (`features@pumps`); after: the addresses it must wait for."""

    address: str
    after: tuple[str, ...]

    @property
    def stage(self) -> str:
        return self.address.partition("@")[0]

    @property
    def name(self) -> str:
        """The dataset or use case; the stage's own name where it has none."""
        return self.address.partition("@")[2] or self.address


def read_graph(root: Path) -> tuple[Step, ...]:
    """All stages that have a command, each after the ones it waits for. Raises ParamsError where DVC refuses."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    from pipelines.errors import ParamsError

    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            commands = {node: _address(root, node) for node in graph if node.cmd}
            steps = [
                Step(address, tuple(sorted(commands[up] for up in graph.successors(node) if up in commands)))
                for node, address in commands.items()
            ]
    except DvcException as error:
        raise ParamsError(f"DVC cannot read the graph in {root}: {' '.join(str(error).split())}") from None
    return in_order(steps)


def _address(root: Path, node: Any) -> str:
    """DVC's name of a stage as seen from the root; its own `addressing` is relative to the working directory."""
    file = Path(node.path).resolve().relative_to(root.resolve())
    return str(node.name) if file == Path("dvc.yaml") else f"{file}:{node.name}"


def in_order(steps: list[Step]) -> tuple[Step, ...]:
    """Sorted so that each step comes after all that it waits for; otherwise by name, so that it never varies."""
    left = {step.address: step for step in sorted(steps, key=lambda step: step.address)}
    done: list[Step] = []
    while left:
        ready = [step for step in left.values() if not any(up in left for up in step.after)]
        done += ready
        for step in ready:
            del left[step.address]
    return tuple(done)


def needed_for(steps: tuple[Step, ...], names: list[str]) -> tuple[Step, ...]:
    """The steps of the named datasets or use cases, and all that these wait for, in the same order."""
    known = {step.address: step for step in steps}
    wanted: set[str] = set()
    todo = [step.address for step in steps if step.name in names]
    while todo:
        address = todo.pop()
        if address not in wanted:
            wanted.add(address)
            todo += known[address].after
    return tuple(step for step in steps if step.address in wanted)
