"""The data contract: rows in, a verdict and the keys of rejected rows out."""

from pipelines.validate.contract import TableResult
from pipelines.validate.healthy import History
from pipelines.validate.read import read_rejected, read_verdict
from pipelines.validate.suggest import suggest
from pipelines.validate.validate import Validation, validate
from pipelines.validate.verdict import Verdict

__all__ = ["History", "TableResult", "Validation", "Verdict", "read_rejected", "read_verdict", "suggest", "validate"]
