"""A run's time in office: it holds the governor's lease, gives signs of life, and says at its end how it went."""

from __future__ import annotations

import logging
import resource
import threading
from types import TracebackType

from flows.governor import Ledger, Outcome
from pipelines.errors import Conflict, StoreError

BEATS = 4  # signs of life in the time that the lease lasts

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Tenure:
    """The admitted run's context: leaving it frees the lease, however the run ended."""

    def __init__(self, ledger: Ledger, run: str, log: Log) -> None:
        self._ledger, self._run, self._log = ledger, run, log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._outcome: Outcome = "failed"
        self._said = ""

    def __enter__(self) -> Tenure:
        self._began = _cpu_seconds()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if error is not None:
            stopped = not isinstance(error, Exception)  # Prefect's termination, Ctrl-C: without words
            words = "ended from outside: cancelled, or its worker died" if stopped else " ".join(str(error).split())
            self._outcome, self._said = ("cancelled" if stopped else "failed"), words
        hours = (_cpu_seconds() - self._began) / 3600
        try:
            self._ledger.finish(self._run, self._outcome, self._said, hours)
        except StoreError as lost:
            self._log.warning("the governor could not be told how the run ended (%s); its lease will run out", lost)

    def ends(self, outcome: Outcome, said: str) -> None:
        """How the run ended, told when the context is left."""
        self._outcome, self._said = outcome, said

    def check(self) -> None:
        """Raises Conflict where another run holds the lease by now: this one may not act on the world any more."""
        answer = self._ledger.renew(self._run)
        if not answer.admitted:
            raise Conflict(f"not published: {answer.reason}")

    def _beat(self) -> None:
        while not self._stop.wait(self._ledger.limits.lease_s / BEATS):
            try:
                self._ledger.renew(self._run)
            except StoreError as error:  # the next sign may come through; publishing asks again
                self._log.warning("no sign of life could be given: %s", error)


def _cpu_seconds() -> float:
    """Of this process and of all that it has waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)
