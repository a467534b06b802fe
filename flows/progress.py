"""What a lap has found so far: the ending of each step, and from these the failure of each use case."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import task_run
from prefect.states import Completed, Failed

from flows.graph import Step, needed_for
from flows.reproduce import Ending, Processes, reproduce
from flows.reproduce import State as Way
from flows.why import Why
from pipelines.errors import PipelineError, Refused

RETRIES = 2
"""How often a step is tried again that said of itself that it is worth it."""
_AGAIN = f"; tried {RETRIES + 1} times, run the same command again to go on from there"


@dataclass(frozen=True)
class Failure:
    """Why a use case did not get through. exit_code: as `fleetloop` exits for it."""

    exit_code: int
    reason: str


@dataclass
class Lap:
    """One lap of some use cases in one checkout. home: the checkout whose release store and history it serves.

    may_publish: raises where the lap has lost its right to act on the world.
    """

    root: Path
    names: list[str]
    processes: Processes
    home: Path
    why: Why
    replace: bool = False
    may_publish: Callable[[], None] = lambda: None
    lock_before: str = ""
    steps: tuple[Step, ...] = ()
    endings: dict[str, Ending] = field(default_factory=dict)

    def stage(self, step: Step) -> State[Any]:
        """Reproduce one step; the state's name says what DVC did."""
        logger = get_run_logger()
        ending = reproduce(self.root, step, self.processes, logger.info)
        return self.ended(step.address, ending)

    def guard(self, address: str, work: Callable[[], tuple[str, str]]) -> State[Any]:
        """Run `work`, which gives a state's name and a sentence; a foreseeable error becomes an ending."""
        began = time.monotonic()
        if self.processes.ended:
            raise InterruptedError("the lap was ended")
        try:
            name, sentence = work()
        except PipelineError as error:
            reason = f"{address}: {' '.join(str(error).split())}"
            how: Way = "Held" if isinstance(error, Refused) else "Failed"
            ending = Ending(how, time.monotonic() - began, reason, error.exit_code, error.retryable)
            return self.ended(address, ending)
        except Exception as error:
            get_run_logger().exception("a defect of fleetloop")
            reason = f"{address}: {type(error).__name__}: {' '.join(str(error).split())}"
            return self.ended(address, Ending("Failed", time.monotonic() - began, reason, 3))
        get_run_logger().info(sentence)
        return self.ended(address, Ending(name, time.monotonic() - began))  # type: ignore[arg-type]

    def ended(self, address: str, ending: Ending) -> State[Any]:
        """Remember the ending, tell the log, and name the Prefect state after it."""
        self.endings[address] = ending
        facts = {"ending": ending.state, "seconds": ending.seconds, "reason": ending.reason}
        logger = get_run_logger()
        if ending.exit_code == 0:
            logger.info("%s in %.1f s", ending.state, ending.seconds, extra=facts)
            return Completed(name=ending.state, message=f"{ending.state} in {ending.seconds:.1f} s")
        again = ending.retryable and task_run.run_count <= RETRIES
        words = f"{ending.state} after {ending.seconds:.1f} s{', trying again' if again else ''}: {ending.reason}"
        logger.log(logging.WARNING if again else logging.ERROR, words, extra=facts)
        return Failed(name="Retryable" if ending.retryable else ending.state, message=ending.reason)

    def failures(self) -> dict[str, Failure]:
        """The first failure on each use case's way, by use case; empty where all got through."""
        found: dict[str, Failure] = {}
        for name in self.names:
            for address in self._way(name):
                ending = self.endings.get(address)
                if ending is None or ending.exit_code:
                    reason = ending.reason if ending else f"{address} did not run; see the flow run's log"
                    reason += _AGAIN if ending and ending.state == "Killed" else ""
                    found[name] = Failure(ending.exit_code if ending else 3, reason)
                    break
        return found

    def summary(self) -> str:
        """How many steps ended in which way, in one line."""
        states = [ending.state for ending in self.endings.values()]
        return ", ".join(f"{states.count(state)} {state.lower()}" for state in dict.fromkeys(states))

    def _way(self, name: str) -> list[str]:
        steps = [step.address for step in needed_for(self.steps, [name])]
        return [*steps, f"publish@{name}", f"report@{name}"]
