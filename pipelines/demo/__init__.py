"""The loop, shown: what each way of retraining was worth in money, and the timeline of what happened."""

from pipelines.demo.account import Account, account
from pipelines.demo.season import Season
from pipelines.demo.story import Caught, Entry, Policy, caught, write_story

__all__ = ["Account", "Caught", "Entry", "Policy", "Season", "account", "caught", "write_story"]
