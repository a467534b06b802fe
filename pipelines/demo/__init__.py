"""The loop, shown: what each way of retraining was worth in money, and the timeline of what happened."""

from pipelines.demo.account import Account, account
from pipelines.demo.page import Story, caught_table, costs_table, write_story
from pipelines.demo.policy import Policy, verdict
from pipelines.demo.season import Season
from pipelines.demo.story import Caught, Entry, Ordered, Run, caught
from pipelines.demo.truth import Tickets, judge_tickets

__all__ = [
    "Account",
    "Caught",
    "Entry",
    "Ordered",
    "Policy",
    "Run",
    "Season",
    "Story",
    "Tickets",
    "account",
    "caught",
    "caught_table",
    "costs_table",
    "judge_tickets",
    "verdict",
    "write_story",
]
