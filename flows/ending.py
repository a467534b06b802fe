"""How a flow ends that did not do what it was asked for: a Failed state that says why, and no traceback beside it.

Prefect raises what a Failed state holds where a worker runs the flow, and writes it into the run's log with its
traceback. For what a person has to mend the state's own sentence is enough; a defect of fleetloop keeps its traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from prefect.client.schemas.objects import State
from prefect.exceptions import ParameterTypeError
from prefect.states import Failed

from fleetloop_edge.errors import EdgeError
from pipelines.errors import PipelineError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine")


class NotDone(Exception):
    """What a Failed state of ours holds. failures: {use case: (exit code, reason)}."""

    def __init__(self, failures: Mapping[str, tuple[int, str]]) -> None:
        super().__init__("; ".join(dict.fromkeys(reason for _, reason in failures.values())))
        self.failures = dict(failures)


def not_done(failures: Mapping[str, tuple[int, str]], name: str = "Failed") -> State[Any]:
    """The state, its message made of the reasons."""
    told = NotDone(failures)
    return Failed(name=name, message=str(told), data=told)


def no_traceback_of_what_is_told() -> None:
    """Keep Prefect's tracebacks of foreseeable errors out of this process's logs; asking again does no harm."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_TOLD)


def wrong_parameters(flow: object, flow_run: object, state: object) -> None:
    """Prefect's hook of a flow that failed: parameters of a wrong type end it before its own first line."""
    no_traceback_of_what_is_told()


class _Told(logging.Filter):
    """Drops records about a state that says all, and the traceback of an error that a person can act on."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, (PipelineError, EdgeError, ParameterTypeError)):
            record.exc_info = None
            if str(error) not in record.getMessage():
                record.msg, record.args = str(error), ()
        return not isinstance(error, NotDone)


_TOLD = _Told()
