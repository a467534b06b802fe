"""The verdict: which table rules held, how many rows were rejected, where every record went. It fits one screen."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from pipelines.params import Contract
from pipelines.validate.contract import TableResult


@dataclass(frozen=True)
class Verdict:
    """What validate says of a dataset. rows_rejected: keys by row rule; accounting: of ingest."""

    dataset: str
    tables: tuple[TableResult, ...]
    rows: int
    rows_rejected: dict[str, int]
    accounting: dict[str, int]
    newest: float = 0.0  # epoch seconds of the newest receipt

    @property
    def failures(self) -> tuple[TableResult, ...]:
        return tuple(t for t in self.tables if not t.passed and not t.warning)

    @property
    def warnings(self) -> tuple[TableResult, ...]:
        return tuple(t for t in self.tables if t.warning)

    @property
    def passed(self) -> bool:
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """As JSON types; DVC shows its numbers as metrics."""
        return {
            "passed": self.passed,
            "tables": [dataclasses.asdict(result) for result in self.tables],
            "rows": self.rows,
            "rows_rejected": self.rows_rejected,
            "accounting": self.accounting,
            "newest": self.newest,
        }

    def fresh(self, contract: Contract, now: float) -> TableResult | None:
        """How old the newest row is at `now`, epoch seconds; None where the contract does not ask.

        The stage does not judge it: DVC's outputs know no clock.
        """
        limit = contract.fresh_s_max
        if limit is None:
            return None
        age = max(round(now - self.newest), 0)
        says = f"the newest row was received {age:,} s ago, limit {limit:g} s"
        advice = "" if age <= limit else "; look whether the uplink and ingest run, or raise contract.fresh_s_max"
        warns = age > limit and "fresh" in contract.warn_only
        return TableResult("fresh", "age_s", age, limit, age <= limit, warns, f"{says}{advice}")

    def refusal(self) -> str:
        """One line: the first broken rule, and how many more there are."""
        first, *more = self.failures
        rest = f" (and {len(more)} more broken rule{'s' if len(more) > 1 else ''})" if more else ""
        return f"the contract of dataset {self.dataset!r} is broken: {first.sentence}{rest}"

    def summary(self) -> str:
        """Three lines: whether it holds, where every record went, which rows were rejected."""
        held = sum(t.passed for t in self.tables)
        a = self.accounting
        return (
            f"contract of {self.dataset!r} {'holds' if self.passed else 'is BROKEN'}: "
            f"{held} of {len(self.tables)} table rules hold, {len(self.warnings)} warn, {len(self.failures)} fail\n"
            f"  records {a['records']:,} = accepted {a['accepted']:,} + quarantined {a['quarantined']:,} "
            f"+ duplicates {a['duplicates']:,}{_expired(a)}; cells in quarantine {a['cells_quarantined']:,}\n"
            f"  rows {self.rows:,}; rejected by rule: "
            + (", ".join(f"{k} {v:,}" for k, v in self.rows_rejected.items() if v) or "none")
        )

    def screen(self) -> str:
        """The whole verdict in a few lines."""
        lines = [self.summary()]
        lines += [f"  FAIL {t.sentence}" for t in self.failures[:12]]
        lines += [f"  warn {t.sentence}" for t in self.warnings[:6]]
        return "\n".join(lines)

    def markdown(self) -> str:
        """The verdict for a page: the account, and every table rule that does not hold."""
        lines = [f"# Data contract of {self.dataset}", "", "```text", self.summary(), "```"]
        open_rules = (*self.failures, *self.warnings)
        if open_rules:
            lines += ["", "| rule | says | |", "| --- | --- | --- |"]
            lines += [f"| {t.rule} | {t.sentence} | {'warns' if t.warning else 'fails'} |" for t in open_rules]
        return "\n".join(lines) + "\n"

    @staticmethod
    def from_dict(dataset: str, said: dict[str, Any]) -> Verdict:
        """The inverse of `to_dict`."""
        tables = tuple(TableResult(**line) for line in said["tables"])
        counts = said["rows"], said["rows_rejected"], said["accounting"]
        return Verdict(dataset, tables, *counts, said.get("newest", 0.0))


def _expired(account: dict[str, int]) -> str:
    """Records that the retention policy let go, where there are any."""
    gone = account.get("expired", 0)
    return f" + expired {gone:,}" if gone else ""
